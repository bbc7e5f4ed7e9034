// Cold starts: from the start of a process to its first line, which is a sigma (onnxruntime-web: an output).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const packages = "test/runtimes/node_modules";

export const runtimes = [
  { name: "Node 20", command: [process.execPath] },
  { name: "Node 24", command: [here(`${packages}/node/bin/node`)] },
  { name: "Deno", command: [here(`${packages}/deno/deno`), "run", "--allow-all"] },
  { name: "Bun", command: [here(`${packages}/.bin/bun`)] },
].filter(({ command }) => existsSync(command[0]));

export const programs = ["howsmooth", "jaxjs", "onnxruntime"].map((name) => ({
  name,
  file: here(`bench/peers/start/${name}.mjs`),
}));

/** Median milliseconds for each program on each runtime, all in turn; undefined where a program fails. */
export async function coldStarts(rounds) {
  const jobs = runtimes.flatMap((runtime) => programs.map((program) => ({ runtime, program, times: [] })));
  for (let round = 0; round < rounds; round++) {
    for (const job of jobs) {
      if (!job.failed)
        await start(job.runtime.command, job.program.file).then(
          (ms) => job.times.push(ms),
          (error) => (job.failed = error.message),
        );
    }
  }
  return jobs.map(({ runtime, program, times, failed }) => ({
    runtime: runtime.name,
    program: program.name,
    ms: failed ? undefined : times.sort((a, b) => a - b)[rounds >> 1],
    failed,
  }));
}

function start([command, ...args], file) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(command, [...args, file], { stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.stdout.once("data", (text) => {
      const ms = performance.now() - begun;
      // jax-js keeps Deno and Bun alive.
      child.kill();
      if (Number.isFinite(Number(text))) resolve(ms);
      else reject(new Error(String(text)));
    });
    child.on("exit", () => reject(new Error(errors)));
  });
}
