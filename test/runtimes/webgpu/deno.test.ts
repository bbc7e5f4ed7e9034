// The device tests on wgpu: Deno's navigator.gpu, over lavapipe, which needs no GPU.
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { deno, type Needed } from "../machine.js";
import { describeRun, type Run } from "./suite.js";

// Not SwiftShader, which the Node tests of this process take: it compiles the larger of wgpu's shaders without end.
const driver: Needed = {
  name: "lavapipe",
  path: `/usr/share/vulkan/icd.d/lvp_icd.${process.arch === "arm64" ? "aarch64" : "x86_64"}.json`,
  from: "apt-get install libvulkan1 mesa-vulkan-drivers",
};

function runInDeno(folder: string): Run {
  const child = spawn(deno.path, ["run", "--allow-env", "--no-prompt", `${folder}program.js`], {
    // Without a folder for windows lavapipe complains of it on every adapter.
    env: { XDG_RUNTIME_DIR: tmpdir(), ...process.env, VK_ICD_FILENAMES: driver.path, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = new PassThrough();
  child.stdout.pipe(said, { end: false });
  child.on("close", (code, signal) => said.end(`deno ended by ${signal ?? `exit code ${code}`}\n`));
  return {
    lines: createInterface(said),
    async stop() {
      child.kill();
    },
  };
}

describeRun([deno, driver], "the device tests in Deno", runInDeno);
