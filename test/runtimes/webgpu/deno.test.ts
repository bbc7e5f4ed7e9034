// The device tests on wgpu: Deno's navigator.gpu, over lavapipe or SwiftShader where there is no GPU.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { deno, type Needed } from "../machine.js";
import { describeRun, type Run } from "./suite.js";

const drivers = ["/usr/share/vulkan/icd.d/lvp_icd.x86_64.json", "/usr/lib/chromium/vk_swiftshader_icd.json"];
const driver: Needed = {
  name: "a Vulkan driver",
  path: process.env.VK_ICD_FILENAMES ?? drivers.find((path) => existsSync(path)) ?? drivers[0],
  from: "apt-get install libvulkan1 mesa-vulkan-drivers",
};

function runInDeno(folder: string, files: string[]): Run {
  const child = spawn(deno.path, ["run", "--allow-env", "--no-prompt", `${folder}program.js`, ...files], {
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

describeRun([deno, driver], "the device tests in Deno", "apart", runInDeno);
