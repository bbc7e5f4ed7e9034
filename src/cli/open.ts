// From the <model> of a command line to a model: random, bundled, or loaded.

import { tinyModel } from "../analysis/samples/tiny.js";
import type { Runtime } from "../measure/createRuntime.js";
import type { RandomArchitecture } from "../models/index.js";
import type { Model } from "../models/model.js";
import { tellDownloads } from "../report/downloads.js";
import { tinyFolder } from "./bundled.js";
import type { Engine } from "./engine.js";
import type { IO } from "./io.js";
import { networkOptions } from "./network.js";
import type { Progress } from "./progress.js";

export async function openModel(
  { source, seed }: { source: string; seed: number },
  runtime: Runtime,
  progress: Progress,
  io: IO,
  engine: Engine,
): Promise<Model> {
  const [kind, architecture] = source.split(":");
  if (kind === "random") return engine.randomModel(architecture as RandomArchitecture, { runtime, seed });
  const warn = (message: string) => {
    progress.clear();
    io.stderr.write(message);
  };
  const isTiny = source === tinyModel;
  return engine.loadModel(isTiny ? tinyFolder() : source, {
    ...(isTiny ? { name: tinyModel } : {}),
    runtime,
    signal: io.signal,
    onProgress: tellDownloads((line) => progress.say(line), io.now),
    ...networkOptions({ env: io.env, stderr: { write: warn } }),
  });
}
