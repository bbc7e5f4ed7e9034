// npm run test:all [-- --built]: every suite in turn, each within its time. A stage that fails or hangs ends none of
// the others; the last lines say how long each took. `--built` is for those who have just built.
import { spawn } from "node:child_process";

const stages = [
  { script: "build", minutes: 4 },
  { script: "lint", minutes: 4 },
  { script: "test:long", minutes: 12 },
  { script: "test:runtimes", minutes: 12 },
  { script: "test:webgpu", minutes: 18 },
  { script: "docs", minutes: 3 },
].filter(({ script }) => script !== "build" || !process.argv.includes("--built"));

const lines = [];
for (const { script, minutes } of stages) {
  console.log(`── npm run ${script}`);
  const begun = performance.now();
  const outcome = await run(script, minutes);
  lines.push(`${outcome ?? "passed"}: npm run ${script}, ${Math.round((performance.now() - begun) / 1000)} s`);
  if (outcome) process.exitCode = 1;
}
console.log(`── npm run test:all\n${lines.join("\n")}`);

/** What went wrong, if anything did. */
function run(script, minutes) {
  return new Promise((resolve) => {
    // A process group of its own, so that what hangs is ended with all that it started.
    const child = spawn("npm", ["run", "--silent", script], { stdio: "inherit", detached: true });
    const end = (signal) => process.kill(-child.pid, signal);
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      end("SIGKILL");
    }, minutes * 60_000);
    const interrupted = (signal) => {
      end(signal);
      process.exit(1);
    };
    process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
    child.on("exit", (code) => {
      clearTimeout(limit);
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
      if (late) resolve(`still running after ${minutes} minutes, and ended`);
      else resolve(code === 0 ? undefined : "failed");
    });
  });
}
