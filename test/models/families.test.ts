// Every family of checkpoints that is described, against transformers' own evaluation of it.
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/base/tensor.js";
import type { LinearizableLayer } from "../../src/device/linearization.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { loadModel } from "../../src/models/index.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { distance, expectationOf, inputOf, missing, nested, ownFolders, sharedFolders } from "./oracleFolders.js";

/** What isn't read, by folder, each with its refusal. */
const refused: readonly [RegExp, RegExp][] = [
  [/-clip$/, /clip_qkv": .* is not implemented/],
  [/^ministral3$/, /expected 1 to 4 tokens/],
  [/^(wav2vec2|hubert|deberta)/, /"model_type" is/],
  [/^(glm4-moe|gpt-oss|deepseek|llama4)/, /"model_type" is/],
];

function refusalOf(name: string): RegExp | undefined {
  return refused.find(([names]) => names.test(name))?.[1];
}

/** The inputs of all blocks and their parts, of every stack; and the sigmas, which take longer. */
async function compare(path: string, sigmas: boolean): Promise<void> {
  const expected = expectationOf(path);
  const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
  const near = async (layer: LinearizableLayer, x: Tensor, sigma: number) => {
    const found = await localLipschitz(layer, x, { rtol: 1e-10, bracket: 1, maxSteps: 400 });
    layer.dispose();
    expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(1e-8);
  };
  try {
    const model = await loadModel(path, { runtime });
    expect(model.stacks).toEqual(Object.keys(expected.stacks));
    for (const [stack, { blocks, model: whole }] of Object.entries(expected.stacks)) {
      const layers = [...blocks.keys()];
      const trace = await model.trace(inputOf(expected, stack), { layers, hidden: true, stack });
      const given = trace.memory ? { stack, memory: trace.memory } : { stack };
      for (const [layer, { attention, block, ...parts }] of blocks.entries()) {
        const [input, between] = [nested(block.input), parts["feed-forward"]];
        expect(distance(trace.hidden.get(layer)!, input)).toBeLessThan(1e-8);
        if (attention) expect(distance(trace.get(layer)!, nested(attention.input))).toBeLessThan(1e-8);
        if (between) expect(distance(trace.afterAttention.get(layer)!, nested(between.input))).toBeLessThan(1e-8);
        if (parts.cross) expect(distance(trace.memory!, nested(parts.cross.memory))).toBeLessThan(1e-8);
        if (!sigmas || !attention) continue;
        await near(model.attention(layer, { stack }), nested(attention.input), attention.sigma);
        const normed = parts["normed-attention"];
        if (normed) await near(model.part(layer, "normed-attention", { stack }), input, normed.sigma);
        else expect(model.partsOf(layer, { stack })).not.toContain("normed-attention");
        if (between) await near(model.part(layer, "feed-forward", { stack }), nested(between.input), between.sigma);
        await near(model.part(layer, "block", given), input, block.sigma);
        if (!parts.cross) continue;
        const { input: queries, memory, ...wanted } = parts.cross;
        const cross = model.part(layer, "cross-attention", { stack });
        for (const [wrt, sigma] of [
          ["queries", wanted.sigmaQueries],
          ["memory", wanted.sigmaMemory],
          ["both", wanted.sigmaBoth],
        ] as const) {
          const jacobian = await cross.linearize(nested(queries), nested(memory), { wrt });
          const found = await spectralNorm(jacobian, { rtol: 1e-10, bracket: 1, maxSteps: 400 });
          expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(1e-8);
          jacobian.dispose();
        }
        cross.dispose();
      }
      if (!sigmas) continue;
      const input = nested(blocks[0].block.input);
      await near(model.blocks(0, blocks.length, given), input, whole.sigma);
      if (!whole.sigmaNormed) continue;
      await near(model.blocks(0, blocks.length, { ...given, finalNorm: true }), input, whole.sigmaNormed);
    }
  } finally {
    runtime.dispose();
  }
}

describe.each(ownFolders)("$name", ({ path }) => {
  it("has its inputs, and the sigma of every part", () => compare(path, true));
});

describe.skipIf(missing)(`transformers' checkpoints${missing}`, () => {
  it.each(sharedFolders.filter(({ name }) => !refusalOf(name)))("$name: its inputs", ({ path }) =>
    compare(path, false),
  );

  it.each(sharedFolders.filter(({ name }) => refusalOf(name)))("$name is refused by name", async ({ name, path }) => {
    const runtime = await createRuntime({ device: "wasm" });
    const load = async () => {
      const model = await loadModel(path, { runtime });
      await model.trace(inputOf(expectationOf(path)), { layers: [0], hidden: true });
    };
    await expect(load()).rejects.toThrow(refusalOf(name));
    runtime.dispose();
  });
});
