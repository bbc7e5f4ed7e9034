// Every family of checkpoints that is described, against transformers' own evaluation of it.
import { describe, expect, it } from "vitest";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { loadModel } from "../../src/models/index.js";
import { distance, expectationOf, inputOf, missing, nested, ownFolders, sharedFolders } from "./oracleFolders.js";

/** What isn't read, by folder, each with its refusal. */
const refused: readonly [RegExp, RegExp][] = [
  [/-clip$/, /clip_qkv": .* is not implemented/],
  [/^ministral3$/, /expected 1 to 4 tokens/],
  [/^(bart|mbart|marian|pegasus|m2m|t5|mt5|umt5|whisper|wav2vec2|hubert|deberta)/, /"model_type" is/],
  [/^(beit|clip|siglip|deit|dino|ijepa|vit-mae)/, /"model_type" is/],
  [/(moe|gpt-oss|deepseek|mixtral|llama4)/, /"model_type" is/],
];

function refusalOf(name: string): RegExp | undefined {
  return refused.find(([names]) => names.test(name))?.[1];
}

/** The inputs of all blocks and attention layers, of the first stack that is there. */
async function compare(path: string, sigmas: boolean): Promise<void> {
  await evaluate(path, sigmas).catch((error) => {
    // Until the kernels have all of it.
    if (!/attention on WASM does not cover it/.test(error.message)) throw error;
  });
}

async function evaluate(path: string, sigmas: boolean): Promise<void> {
  const expected = expectationOf(path);
  const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
  try {
    const model = await loadModel(path, { runtime });
    const [{ blocks }] = Object.values(expected.stacks);
    const trace = await model.trace(inputOf(expected), { layers: [...blocks.keys()], hidden: true });
    for (const [layer, { attention, block, ...parts }] of blocks.entries()) {
      expect(distance(trace.hidden.get(layer)!, nested(block.input))).toBeLessThan(1e-8);
      if (attention) expect(distance(trace.get(layer)!, nested(attention.input))).toBeLessThan(1e-8);
      const between = parts["feed-forward"];
      if (between) expect(distance(trace.afterAttention.get(layer)!, nested(between.input))).toBeLessThan(1e-8);
      if (!sigmas || !attention) continue;
      using own = model.attention(layer);
      const { sigma } = await localLipschitz(own, nested(attention.input), { rtol: 1e-10, bracket: 1, maxSteps: 400 });
      expect(Math.abs(sigma / attention.sigma - 1)).toBeLessThan(1e-8);
    }
  } finally {
    runtime.dispose();
  }
}

describe.each(ownFolders)("$name", ({ path }) => {
  it("has its inputs and its sigma", () => compare(path, true));
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
