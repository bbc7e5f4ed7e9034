// Node, Deno and Bun: the package by its names, as their users write it.
import { describe, expect, it } from "vitest";
import { prove, proveThreads } from "./evidence.js";
import { bun, chromium, deno, describeWith, type Needed, node, node24, output } from "./machine.js";
import { packages } from "./places.js";

const firstNumber = (text: string): string => text.match(/\d+\.\d+\.\d+/)![0];
const nameOf = (runtime: Needed, version: string): string =>
  [node, node24].includes(runtime) ? `Node ${Number.parseInt(version, 10)}` : runtime.name;

for (const runtime of [node, node24]) {
  describeWith([runtime], runtime.name, () => {
    it.each([
      ["import", "import.mjs"],
      ["require", "require.cjs"],
    ])("%s", async (how, program) => {
      const version = firstNumber(await output(runtime.path, "--version"));
      const proofs = JSON.parse(await output(runtime.path, program));
      prove({ runtime: nameOf(runtime, version), version, how }, proofs);
    });
  });
}

describeWith([deno], "Deno", () => {
  it("import, without any permission but to read the package", async () => {
    const version = firstNumber(await output(deno.path, "--version"));
    const proofs = JSON.parse(await output(deno.path, "run", "--allow-read=.", "--no-prompt", "import.mjs"));
    prove({ runtime: "Deno", version, how: "import" }, proofs);
  });
});

describeWith([bun], "Bun", () => {
  it.each([
    ["import", "import.mjs"],
    ["require", "require.cjs"],
  ])("%s", async (how, program) => {
    const version = firstNumber(await output(bun.path, "--version"));
    prove({ runtime: "Bun", version, how }, JSON.parse(await output(bun.path, program)));
  });
});

it("Node's relaxed SIMD is used where it is on", async () => {
  const [proof] = JSON.parse(await output(node.path, "--experimental-wasm-relaxed-simd", "import.mjs"));
  expect(proof.simd).toBe("relaxed");
});

describe("threads", () => {
  const runs: [Needed, string[]][] = [
    [node, ["threads.mjs"]],
    [node24, ["threads.mjs"]],
    [deno, ["run", "--allow-read=.", "--no-prompt", "threads.mjs"]],
    [bun, ["threads.mjs"]],
  ];
  for (const [runtime, args] of runs) {
    describeWith([runtime], runtime.name, () => {
      it("two give one's answer to the last bit", async () => {
        const version = firstNumber(await output(runtime.path, "--version"));
        proveThreads(nameOf(runtime, version), version, JSON.parse(await output(runtime.path, ...args)));
      });
    });
  }
});

/** SwiftShader, which Debian's Chromium brings, where the machine has no GPU. */
const softwareDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const dawn: Needed = { name: "the webgpu package", path: `${packages}webgpu/index.js`, from: node24.from };
const driver: Needed = { name: "a Vulkan driver", path: softwareDriver, from: chromium.from };

describe("WebGPU", () => {
  process.env.VK_ICD_FILENAMES ??= softwareDriver;
  const runs: [Needed, string, string[]][] = [
    [node, "the webgpu package", ["webgpu.mjs", dawn.path]],
    [node24, "the webgpu package", ["webgpu.mjs", dawn.path]],
    [bun, "the webgpu package", ["webgpu.mjs", dawn.path]],
    [deno, "import", ["run", "--allow-read=.", "--no-prompt", "webgpu.mjs"]],
  ];
  for (const [runtime, how, args] of runs) {
    describeWith([runtime, driver, ...(how === "import" ? [] : [dawn])], runtime.name, () => {
      it("measures in f32", async () => {
        const version = firstNumber(await output(runtime.path, "--version"));
        const proofs = JSON.parse(await output(runtime.path, ...args));
        expect(proofs[0].device).toBe("webgpu");
        prove({ runtime: nameOf(runtime, version), version, how }, proofs, ["f32"]);
      });
    });
  }
});
