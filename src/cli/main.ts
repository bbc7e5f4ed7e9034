// The entry of the command and of its workers: wires them to the process.
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { measureLayer } from "../analysis/measured.js";
import { createPool } from "../analysis/workers/pool.js";
import { serveMeasurements } from "../analysis/workers/serve.js";
import { createRuntime } from "../measure/createRuntime.js";
import { loadModel, randomModel } from "../models/index.js";
import type { Engine } from "./engine.js";
import { explain } from "./files.js";
import { exitCode, Interruption, type IO, ReaderLeft } from "./io.js";
import { Outlet } from "./outlet.js";
import { run } from "./run.js";

if (isMainThread) runCommand();
else serveMeasurements(parentPort!);

function runCommand(): void {
  const controller = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  process.once("SIGINT", () => controller.abort(new Interruption("Ctrl-C", 130)));
  process.once("SIGTERM", () => controller.abort(new Interruption("SIGTERM", 143)));
  process.once("SIGHUP", () => controller.abort(new Interruption("SIGHUP", 129)));

  const [stdout, stderr] = [new Outlet(process.stdout), new Outlet(process.stderr)];
  let outcomeElsewhere = false;
  const endWithoutReader = () => {
    if (stdout.broken && !outcomeElsewhere) controller.abort(new ReaderLeft());
  };
  process.stdout.on("error", endWithoutReader);

  const io: IO = {
    stdout,
    stderr,
    env: process.env,
    signal: controller.signal,
    keepOn() {
      outcomeElsewhere = true;
    },
    now: () => performance.now(),
  };
  const engine: Engine = {
    createRuntime,
    loadModel,
    randomModel,
    measure: measureLayer,
    createPool: (threads, dtype) => createPool(threads, dtype, () => new Worker(fileURLToPath(import.meta.url))),
  };
  const finish = (code: number) => {
    process.exitCode = exitCodeOf(code, stdout.broken, outcomeElsewhere, io);
  };
  run(process.argv.slice(2), io, engine).then((code) => {
    finish(code);
    // What was written last may still fail.
    process.stdout.once("error", () => finish(code));
  });
}

let said = false;

/** A report on a full disk is lost, and said to be; a reader that has left matters where nothing else came out. */
function exitCodeOf(code: number, broken: Outlet["broken"], outcomeElsewhere: boolean, { stderr }: IO): number {
  if (!broken) return code;
  if (broken.code === "EPIPE") return outcomeElsewhere || code > exitCode.failed ? code : exitCode.noReader;
  if (!said) stderr.write(`howsmooth: ${explain(broken, "stdout")}; what was to be printed is lost\n`);
  said = true;
  return code === exitCode.noReader ? exitCode.failed : Math.max(code, exitCode.failed);
}
