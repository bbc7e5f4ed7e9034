// Node, Deno and Bun: the package by its names, as their users write it.
import { expect, it } from "vitest";
import { prove } from "./evidence.js";
import { bun, deno, describeWith, node, node24, output } from "./machine.js";

const firstNumber = (text: string): string => text.match(/\d+\.\d+\.\d+/)![0];

for (const runtime of [node, node24]) {
  describeWith([runtime], runtime.name, () => {
    it.each([
      ["import", "import.mjs"],
      ["require", "require.cjs"],
    ])("%s", async (how, program) => {
      const version = firstNumber(await output(runtime.path, "--version"));
      const proofs = JSON.parse(await output(runtime.path, program));
      prove({ runtime: `Node ${Number.parseInt(version, 10)}`, version, how }, proofs);
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
