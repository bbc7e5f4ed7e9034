// The entry of the command and of its workers: wires them to the process.
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { measureLayer } from "../analysis/measured.js";
import { createPool } from "../analysis/workers/pool.js";
import { serveMeasurements } from "../analysis/workers/serve.js";
import { createRuntime } from "../measure/createRuntime.js";
import { loadModel, randomModel } from "../models/index.js";
import type { Engine } from "./engine.js";
import { exitCode, Interruption, type IO } from "./io.js";
import { run } from "./run.js";

if (isMainThread) runCommand();
else serveMeasurements(parentPort!);

function runCommand(): void {
  const controller = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  process.once("SIGINT", () => controller.abort(new Interruption("Ctrl-C", 130)));
  process.once("SIGTERM", () => controller.abort(new Interruption("SIGTERM", 143)));
  process.once("SIGHUP", () => controller.abort(new Interruption("SIGHUP", 129)));

  // A reader such as head has seen enough.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCode.ok);
    throw error;
  });

  const io: IO = {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: controller.signal,
    now: () => performance.now(),
  };
  const engine: Engine = {
    createRuntime,
    loadModel,
    randomModel,
    measure: measureLayer,
    createPool: (threads, dtype) => createPool(threads, dtype, () => new Worker(fileURLToPath(import.meta.url))),
  };
  run(process.argv.slice(2), io, engine).then((code) => {
    process.exitCode = code;
  });
}
