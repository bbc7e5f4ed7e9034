// The entry of the command: wires it to the process.
import { localLipschitz } from "../localLipschitz.js";
import { loadModel, randomModel } from "../models/index.js";
import { createRuntime } from "../runtime.js";
import { exitCode, Interruption, type IO } from "./io.js";
import { run } from "./run.js";

const controller = new AbortController();
// Once: a second Ctrl-C ends the process at once.
process.once("SIGINT", () => controller.abort(new Interruption("Ctrl-C", 130)));
process.once("SIGTERM", () => controller.abort(new Interruption("SIGTERM", 143)));

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
run(process.argv.slice(2), io, { createRuntime, loadModel, randomModel, measure: localLipschitz }).then((code) => {
  process.exitCode = code;
});
