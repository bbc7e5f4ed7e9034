import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { SafetensorsFile } from "../../src/models/checkpoint/safetensors.js";
import { openFolder } from "../../src/models/files/folder.js";
import { loadModel } from "../../src/models/index.js";
import { referenceRuntime } from "../reference/runtime.js";
import { expectClose } from "./close.js";
import { runtimes } from "./runtimes.js";

const data = new URL("../../../shared/data/", import.meta.url).pathname;
const missing = existsSync(data) ? "" : ` (skipped: the folder of test data ${data} is missing)`;

interface Recorded {
  tokens: number[];
  layers: Record<string, { input: number[][]; inputSum: number; inputSquares: number }>;
}
const oracle: Record<string, Recorded> = JSON.parse(
  readFileSync(new URL("../oracle/checkpoints.json", import.meta.url), "utf8"),
);

describe.skipIf(missing).each(["stories260k", "gpt-nano-sort"])(`%s against the oracle${missing}`, (name) => {
  const { tokens, layers } = oracle[name];
  const wanted = Object.keys(layers).map(Number);

  it.each(runtimes)("has its attention inputs on $name", async ({ make, accuracy }) => {
    const runtime = await make();
    const model = await loadModel(data + name, { runtime });
    const trace = await model.trace(tokens, { layers: wanted });
    expect([...trace.keys()]).toEqual(wanted);
    for (const layer of wanted) {
      const { input, inputSum, inputSquares } = layers[layer];
      const { data: numbers, shape } = trace.get(layer)!;
      const values = Array.from(numbers);
      expect(shape).toEqual([tokens.length, model.config.width]);
      const norm = Math.sqrt(inputSquares);
      for (const [at, entry] of input.flat().entries())
        expect(Math.abs(values[at] - entry)).toBeLessThan(accuracy * norm);
      expect(Math.abs(values.reduce((sum, entry) => sum + entry, 0) - inputSum)).toBeLessThan(accuracy * norm * 10);
      expect(Math.abs(values.reduce((sum, entry) => sum + entry * entry, 0) / inputSquares - 1)).toBeLessThan(accuracy);
    }
    runtime.dispose();
  });
});

describe.skipIf(missing)(`gpt-nano-sort against its recorded activations${missing}`, () => {
  // The recording is in single precision.
  const tolerance = 2e-5;

  it.each([0, 1, 2])("input %i", async (sample) => {
    const recorded = await recordings(sample);
    const model = await loadModel(`${data}gpt-nano-sort`, { runtime: referenceRuntime() });
    const tokens = Array.from((await recorded("idx")).data);
    const trace = await model.trace(tokens, { layers: [0, 1, 2], hidden: true });
    expectClose(trace.hidden.get(0)!, await recorded("x"), tolerance);
    expectClose(trace.get(0)!, await recorded("ln1"), tolerance);
    expectClose(trace.hidden.get(1)!, await recorded("block0"), tolerance);
    expectClose(trace.hidden.get(2)!, await recorded("block1"), tolerance);

    const attention = model.attention(0);
    expectClose(await attention.probabilities(trace.get(0)!), await recorded("attSm"), tolerance);
    expectClose(await attention.forward(trace.get(0)!), await recorded("yProj"), tolerance);
    attention.dispose();
  });

  it.each([0, 1, 2])("input %i through the last block, the final norm and the head", async (sample) => {
    const recorded = await recordings(sample);
    const model = await loadModel(`${data}gpt-nano-sort`, { runtime: referenceRuntime() });
    const trace = await model.trace(Array.from((await recorded("idx")).data), { layers: [2], hidden: true });

    const block = await model.part(2, "block").forward(trace.hidden.get(2)!);
    expectClose(block, await recorded("block2"), tolerance);
    expectClose(await model.head().forward(block), await recorded("lm_head"), tolerance);
    const normed = await model.blocks(2, 3, { finalNorm: true }).forward(trace.hidden.get(2)!);
    expectClose(normed, await recorded("ln_f"), tolerance);
  });

  async function recordings(sample: number) {
    const file = await SafetensorsFile.open((await openFolder(`${data}gpt-nano-sort`))!, "activations.safetensors");
    return async (name: string): Promise<Tensor> => {
      const { data: values, shape } = await file.tensor(name);
      const size = values.length / shape[0];
      return tensor(values.slice(sample * size, (sample + 1) * size), shape.slice(1));
    };
  }
});

describe.skipIf(missing)(`stories260k${missing}`, () => {
  it("encodes and decodes text by its tokenizer.json, without special tokens", async () => {
    const model = await loadModel(`${data}stories260k`, { runtime: referenceRuntime() });
    expect(model.encode("Once upon a time")).toEqual(oracle["stories260k"].tokens.slice(1, 5));
    expect(model.tokenizer!.decode(oracle["stories260k"].tokens.slice(1))).toMatch(/^Once upon a time/);
    expect(model.config).toMatchObject({ architecture: "llama", layers: 5, heads: 8, kvHeads: 4, bosToken: 1 });
    const byText = await model.trace("Once upon a time", { layers: [1] });
    const byTokens = await model.trace(model.encode("Once upon a time"), { layers: [1] });
    expect(byText.get(1)).toEqual(byTokens.get(1));
  });

  it("says where it came from", async () => {
    const model = await loadModel(`${data}stories260k/`, { runtime: referenceRuntime() });
    expect(model.origin.source).toBe(`${data}stories260k`);
    const hashes = await model.origin.hashes!();
    expect(Object.keys(hashes)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    for (const hash of Object.values(hashes)) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });
});

it.skipIf(missing)(`a model without a tokenizer names the missing file, and takes tokens${missing}`, async () => {
  const model = await loadModel(`${data}gpt-nano-sort`, { runtime: referenceRuntime() });
  expect(() => model.encode("2 1 0")).toThrow(/gpt-nano-sort\/tokenizer\.json is missing/);
  expect(model.tokenizer).toBeUndefined();
});
