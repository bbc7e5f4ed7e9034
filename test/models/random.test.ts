import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/base/tensor.js";
import { createRuntime, type Runtime } from "../../src/measure/createRuntime.js";
import { type RandomModelOptions, randomModel } from "../../src/models/index.js";
import { initialise } from "../../src/models/random/initialisation.js";
import { referenceRuntime } from "../reference/runtime.js";
import { expectClose } from "./close.js";
import { runtimes } from "./runtimes.js";

const small = { layers: 3, width: 8, heads: 2, vocabulary: 11, context: 5 };

function make(options: Partial<RandomModelOptions> = {}) {
  return randomModel("gpt2", { runtime: referenceRuntime(), ...small, ...options });
}

async function inputs(options: Partial<RandomModelOptions>, layer: number) {
  return (await (await make(options)).trace([1, 2, 3], { layers: [layer] })).get(layer)!.data;
}

describe("randomModel", () => {
  it("repeats for a seed, differs between seeds", async () => {
    expect(await inputs({ seed: 3 }, 2)).toEqual(await inputs({ seed: 3 }, 2));
    expect(await inputs({}, 2)).toEqual(await inputs({ seed: 0 }, 2));
    expect(await inputs({ seed: 4 }, 2)).not.toEqual(await inputs({ seed: 3 }, 2));
  });

  it("is GPT-2 small unless told otherwise, with its tokenizer", async () => {
    const model = await randomModel("gpt2", { runtime: referenceRuntime() });
    expect(model.config).toEqual({
      architecture: "gpt2",
      layers: 12,
      width: 768,
      heads: 12,
      kvHeads: 12,
      headSize: 64,
      vocabulary: 50257,
      context: 1024,
      bosToken: 50256,
    });
    expect(model.origin).toEqual({ source: "random:gpt2, seed 0" });
    expect(model.encode("Hello world")).toEqual([15496, 995]);
    expect(model.tokenizer!.decode([15496, 995])).toBe("Hello world");
    expect(model.encode("<|endoftext|>").length).toBeGreaterThan(1);
  });

  it("with another vocabulary has no text encoding, and says so", async () => {
    const model = await make();
    expect(model.tokenizer).toBeUndefined();
    expect(() => model.encode("x")).toThrow(/vocabulary of 11 is not GPT-2's of 50257/);
  });

  it("refuses a text longer than the context by name", async () => {
    const model = await make({ vocabulary: 50257 });
    await expect(model.trace("one two three four five six", { layers: [0] })).rejects.toThrow(
      /"tokens of the text": expected 1 to 5 tokens \(this model's context\), got 6/,
    );
    await expect(model.trace("", { layers: [0] })).rejects.toThrow(
      /"tokens of the text": expected 1 to 5 tokens .* got 0/,
    );
  });

  it.each<[Partial<RandomModelOptions>, RegExp]>([
    [{ heads: 3 }, /"heads": expected a divisor of the width 8, got 3/],
    [{ layers: 0 }, /"layers": expected an integer from 1 to 10000, got 0/],
    [{ seed: -1 }, /"seed": expected an integer of at least 0, got -1/],
    [{ seed: 0.5 }, /"seed"/],
  ])("refuses %j", async (options, message) => {
    await expect(make(options)).rejects.toThrow(message);
  });

  it("refuses an architecture that it doesn't know, a misspelt option, a missing runtime", async () => {
    await expect(randomModel("t5" as "gpt2", { runtime: referenceRuntime() })).rejects.toThrow(
      /expected one of "gpt2", "bert", "llama"/,
    );
    await expect(make({ sed: 1 } as never)).rejects.toThrow(/unknown key "sed"/);
    await expect(randomModel("gpt2", {} as never)).rejects.toThrow(/"runtime": expected a runtime/);
  });

  it("gives the same inputs on every runtime", async () => {
    const found = await Promise.all(
      runtimes.map(async ({ make: makeRuntime, accuracy }) => {
        const runtime = await makeRuntime();
        const model = await randomModel("gpt2", { runtime, ...small, seed: 5 });
        const { data } = (await model.trace([1, 2, 3, 10], { layers: [2] })).get(2)!;
        runtime.dispose();
        return { data, accuracy };
      }),
    );
    const [{ data: reference }] = found;
    for (const { data, accuracy } of found) {
      const norm = Math.hypot(...reference);
      expect(Math.hypot(...reference.map((entry, at) => entry - data[at]))).toBeLessThan(accuracy * norm);
    }
  });
});

describe.each([
  ["bert", { layers: 12, width: 768, heads: 12, kvHeads: 12, headSize: 64, context: 512 }],
  ["llama", { layers: 32, width: 4096, heads: 32, kvHeads: 32, headSize: 128, context: 2048 }],
] as const)("a random %s", (architecture, sizes) => {
  it("has the sizes of Hugging Face's configuration and GPT-2's encoding", async () => {
    const model = await randomModel(architecture, { runtime: referenceRuntime() });
    expect(model.config).toEqual({ architecture, ...sizes, vocabulary: 50257, bosToken: 50256 });
    expect(model.origin).toEqual({ source: `random:${architecture}, seed 0` });
    expect(model.encode("Hello world")).toEqual([15496, 995]);
  });

  it("has the inputs on the kernels that it has on the reference", async () => {
    const options = { ...small, inner: 12, seed: 5 };
    const trace = async (runtime: Runtime) =>
      (await (await randomModel(architecture, { runtime, ...options })).trace([1, 2, 3, 10], { layers: [2] })).get(2)!;
    const reference = await trace(referenceRuntime());
    for (const { make: makeRuntime, accuracy } of runtimes) {
      const runtime = await makeRuntime();
      expectClose(await trace(runtime), reference, accuracy);
      runtime.dispose();
    }
  });

  it("has matrices of standard deviation 0.02, norms of 1 and biases of 0", async () => {
    const weights = initialise(architecture, 0, 2);
    const spread = async (name: string, shape: number[]) => {
      weights.require(name, shape);
      const { data } = await weights.tensor(name);
      return Math.hypot(...data) / Math.sqrt(data.length);
    };
    const { matrices, norms, biases } = named[architecture];
    for (const name of matrices) {
      expect(Math.abs((await spread(name, [100, 60])) / 0.02 - 1)).toBeLessThan(4 / Math.sqrt(2 * 6000));
    }
    for (const name of norms) expect(await spread(name, [6])).toBe(1);
    for (const name of biases) expect(await spread(name, [6])).toBe(0);
  });
});

const named = {
  bert: {
    matrices: [
      "bert.embeddings.position_embeddings.weight",
      "bert.encoder.layer.1.attention.output.dense.weight",
      "bert.encoder.layer.1.output.dense.weight",
    ],
    norms: ["bert.embeddings.LayerNorm.weight", "bert.encoder.layer.0.attention.output.LayerNorm.weight"],
    biases: ["bert.embeddings.LayerNorm.bias", "bert.encoder.layer.0.attention.self.query.bias"],
  },
  llama: {
    matrices: [
      "model.embed_tokens.weight",
      "model.layers.1.self_attn.o_proj.weight",
      "model.layers.1.mlp.down_proj.weight",
    ],
    norms: ["model.layers.0.input_layernorm.weight", "model.layers.0.post_attention_layernorm.weight"],
    biases: [],
  },
};

it("a random llama may share key and value heads, others may not", async () => {
  const llama = (options: object) => randomModel("llama", { runtime: referenceRuntime(), ...small, ...options });
  expect((await llama({ heads: 4, kvHeads: 2 })).config).toMatchObject({ heads: 4, kvHeads: 2, headSize: 2 });
  await expect(llama({ heads: 4, kvHeads: 3 })).rejects.toThrow(/"kvHeads": expected a divisor of the heads 4, got 3/);
  await expect(llama({ heads: 8 })).rejects.toThrow(/"heads": .*an even head size, got 8/);
  await expect(make({ kvHeads: 1 })).rejects.toThrow(/unknown key "kvHeads"/);
});

describe("the weights", () => {
  const width = 768;
  const weights = (seed = 0, layers = 12) => {
    const source = initialise("gpt2", seed, layers);
    source.require("transformer.h.6.attn.c_attn.weight", [width, 3 * width]);
    source.require("transformer.h.6.attn.c_proj.weight", [width, width]);
    source.require("transformer.h.6.attn.c_proj.bias", [width]);
    source.require("transformer.h.6.ln_1.weight", [width]);
    source.require("transformer.h.6.mlp.c_proj.weight", [4 * width, width]);
    source.require("transformer.wte.weight", [50257, width]);
    return source;
  };
  const deviation = (data: ArrayLike<number>) =>
    Math.sqrt(Array.from(data).reduce((sum, x) => sum + x * x, 0) / data.length);
  /** Of the standard deviation of `count` draws, relatively: four standard errors. */
  const sampling = (count: number) => 4 / Math.sqrt(2 * count);

  it.each([
    ["attn.c_attn.weight", 0.02],
    ["attn.c_proj.weight", 0.02 / Math.sqrt(24)],
    ["mlp.c_proj.weight", 0.02 / Math.sqrt(24)],
  ])("%s has the standard deviation %f and mean 0", async (name, std) => {
    const { data } = await weights().tensor(`transformer.h.6.${name}`);
    expect(Math.abs(deviation(data) / std - 1)).toBeLessThan(sampling(data.length));
    const mean = Array.from(data).reduce((sum, x) => sum + x, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan((4 * std) / Math.sqrt(data.length));
  });

  it("has norms of 1 and biases of 0", async () => {
    expect(new Set((await weights().tensor("transformer.h.6.ln_1.weight")).data)).toEqual(new Set([1]));
    expect(new Set((await weights().tensor("transformer.h.6.attn.c_proj.bias")).data)).toEqual(new Set([0]));
  });

  it("depend on the seed and their name, not on what else was generated", async () => {
    const name = "transformer.h.6.attn.c_proj.weight";
    const alone = await weights(1).tensor(name);
    const busy = weights(1);
    await busy.tensor("transformer.h.6.mlp.c_proj.weight");
    await busy.rows("transformer.wte.weight", [0, 1, 2]);
    const same = (a: Tensor, b: Tensor) => a.data.every((entry, at) => entry === b.data[at]);
    expect(same(await busy.tensor(name), alone)).toBe(true);
    expect(same(await weights(2).tensor(name), alone)).toBe(false);
  });

  it("make embeddings row by row, the same whichever others are asked for", async () => {
    const { data, shape } = await weights().rows("transformer.wte.weight", [5, 50256]);
    expect(shape).toEqual([2, width]);
    const last = await weights().rows("transformer.wte.weight", [50256]);
    expect(last.data).toEqual(data.slice(width));
    expect(data.slice(0, width)).not.toEqual(last.data);
    expect(Math.abs(deviation(data) / 0.02 - 1)).toBeLessThan(sampling(data.length));
  });
});

it("GPT-2 small reaches layer 6 on the real kernels in seconds", { timeout: 60_000 }, async () => {
  const runtime = await createRuntime({ device: "wasm", dtype: "f32" });
  const model = await randomModel("gpt2", { runtime });
  const trace = await model.trace("How smooth is attention?", { layers: [0, 6] });
  for (const { data, shape } of trace.values()) {
    expect(shape).toEqual([5, 768]);
    // Layer norm with gain 1 and bias 0 leaves every token at √768.
    for (let token = 0; token < 5; token++) {
      expect(Math.hypot(...data.slice(token * 768, (token + 1) * 768))).toBeCloseTo(Math.sqrt(768), 0);
    }
  }
  runtime.dispose();
});
