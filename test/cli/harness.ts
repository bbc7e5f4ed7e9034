// Runs the command in process on a fake model, with its output caught.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Engine } from "../../src/cli/engine.js";
import { run } from "../../src/cli/run.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { fakeMeasure, fakeModel, runtimeInfo } from "../analysis/fakes.js";

export const engine: Engine = {
  async createRuntime({ dtype }) {
    return { info: { ...runtimeInfo, dtype: dtype ?? "f32" }, dispose() {} } as Runtime;
  },
  async loadModel(source) {
    throw new Error(`${source}: no such folder`);
  },
  randomModel: () => fakeModel(),
  measure: fakeMeasure,
  createPool() {
    throw new Error("not part of the fake");
  },
};

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

export async function howsmooth(
  args: string | string[],
  { using = {}, isTTY = false, signal = new AbortController().signal, env = {}, now = () => 0 } = {} as {
    using?: Partial<Engine>;
    isTTY?: boolean;
    signal?: AbortSignal;
    env?: Record<string, string>;
    now?: () => number;
  },
): Promise<Result> {
  const result = { stdout: "", stderr: "" };
  const io = {
    stdout: { write: (text: string) => (result.stdout += text) },
    stderr: { write: (text: string) => (result.stderr += text), isTTY, columns: 100 },
    env,
    signal,
    now,
  };
  const words = typeof args === "string" ? args.split(" ").filter((word) => word !== "") : args;
  return { code: await run(words, io, { ...engine, ...using }), ...result };
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "howsmooth-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
