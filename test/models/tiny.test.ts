// The shipped checkpoint `tiny` is what its files say, and agrees with what training/expected.py recorded.
import { readFileSync, statSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";
import { sizeOf, type Tensor, tensor } from "../../src/base/tensor.js";
import type { Linear } from "../../src/layers/linear.js";
import { referenceAttention } from "../reference/attention.js";

interface Expected {
  text: string;
  tokens: number[];
  layers: { input: number[][]; sigma: number }[];
}

const path = (file: string) => new URL(`../../models/tiny/${file}`, import.meta.url);
const json = (url: URL) => JSON.parse(readFileSync(url, "utf8"));
const config = json(path("config.json"));
const tokenizer = new Tokenizer(json(path("tokenizer.json")), {});
const expected: Expected = json(new URL("tiny.expected.json", import.meta.url));
const weights = readWeights();
const width: number = config.n_embd;

describe("the checkpoint tiny", () => {
  it("takes at most 500 KB", () => {
    const sizes = ["config.json", "model.safetensors", "tokenizer.json"].map((file) => statSync(path(file)).size);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(500_000);
  });

  it("has GPT-2's tensors in the shapes of its config", () => {
    expect(weights("transformer.wte.weight").shape).toEqual([config.vocab_size, width]);
    expect(weights("transformer.wpe.weight").shape).toEqual([config.n_positions, width]);
    for (let layer = 0; layer < config.n_layer; layer++) {
      const shape = (name: string) => weights(`transformer.h.${layer}.${name}`).shape;
      expect(shape("ln_1.weight")).toEqual([width]);
      expect(shape("attn.c_attn.weight")).toEqual([width, 3 * width]);
      expect(shape("attn.c_proj.weight")).toEqual([width, width]);
      expect(shape("mlp.c_fc.weight")).toEqual([width, 4 * width]);
      expect(shape("mlp.c_proj.weight")).toEqual([4 * width, width]);
    }
    expect(weights("transformer.ln_f.bias").shape).toEqual([width]);
  });

  it.each(["The smooth road.\n\n\tx  y ", "café – 水 🙂 20 °C"])("encodes %j as its bytes, and back", (text) => {
    const { ids } = tokenizer.encode(text);
    expect(ids).toEqual([...new TextEncoder().encode(text)]);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it("keeps the end of a text as one token", () => {
    expect(tokenizer.encode("a<|endoftext|>b").ids).toEqual([97, config.bos_token_id, 98]);
  });
});

describe("the values recorded for tiny", () => {
  it("belong to the tokens of their text", () => {
    expect(expected.tokens).toEqual(tokenizer.encode(expected.text).ids);
    expect(expected.layers.map((layer) => layer.input.length)).toEqual(
      Array(config.n_layer).fill(expected.tokens.length),
    );
  });

  it("begin with the normalised sum of token and position embeddings", () => {
    const [tokens, positions] = [weights("transformer.wte.weight"), weights("transformer.wpe.weight")];
    const [gain, bias] = ["weight", "bias"].map((part) => weights(`transformer.h.0.ln_1.${part}`).data);
    expected.tokens.forEach((token, p) => {
      const sum = Float64Array.from({ length: width }, (_, c) => at(tokens, token, c) + at(positions, p, c));
      const mean = sum.reduce((total, entry) => total + entry) / width;
      const variance = sum.reduce((total, entry) => total + (entry - mean) ** 2, 0) / width;
      sum.forEach((entry, c) => {
        const normalised = ((entry - mean) / Math.sqrt(variance + config.layer_norm_epsilon)) * gain[c] + bias[c];
        expect(expected.layers[0].input[p][c]).toBeCloseTo(normalised, 7);
      });
    });
  });

  it.each([0, 1, 2, 3])("sigma of layer %i is what power iteration on the reference finds", (layer) => {
    const { input, sigma } = expected.layers[layer];
    const linear = (name: string, from: number): Linear => ({
      weight: columns(weights(`${name}.weight`), from, width),
      bias: columns(weights(`${name}.bias`), from, width),
    });
    const [qkv, projection] = ["attn.c_attn", "attn.c_proj"].map((name) => `transformer.h.${layer}.${name}`);
    const spec = {
      heads: config.n_head,
      query: linear(qkv, 0),
      key: linear(qkv, width),
      value: linear(qkv, 2 * width),
      output: linear(projection, 0),
      mask: "causal" as const,
    };
    const jacobian = referenceAttention(spec, tensor(Float64Array.from(input.flat()), [input.length, width]));
    let direction = tensor(
      Float64Array.from(input.flat(), (_, i) => Math.sin(i + 1)),
      [input.length, width],
    );
    for (let step = 0; step < 150; step++) direction = unit(jacobian.vjp(jacobian.jvp(direction)));
    expect(norm(jacobian.jvp(direction)) / sigma).toBeCloseTo(1, 4);
  });
});

/** The tensors of model.safetensors by name, all of them F16. */
function readWeights(): (name: string) => Tensor {
  const file = readFileSync(path("model.safetensors"));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start));
  return (name) => {
    const { dtype, shape, data_offsets } = header[name];
    const [begin, end]: [number, number] = data_offsets;
    expect([dtype, end - begin]).toEqual(["F16", 2 * sizeOf(shape)]);
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => half(file.readUInt16LE(start + begin + 2 * i)));
    return tensor(data, shape);
  };
}

/** The value of an IEEE half-precision number. */
function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
  return bits >> 15 ? -magnitude : magnitude;
}

function at({ data, shape }: Tensor, row: number, column: number): number {
  return data[row * shape[1] + column];
}

/** Columns [from, from + count) of the last axis. */
function columns({ data, shape }: Tensor, from: number, count: number): Tensor {
  const whole = shape[shape.length - 1];
  const kept = data.filter((_, i) => i % whole >= from && i % whole < from + count) as Float64Array;
  return tensor(kept, [...shape.slice(0, -1), count]);
}

function norm({ data }: Tensor): number {
  return Math.hypot(...data);
}

function unit(x: Tensor): Tensor {
  const length = norm(x);
  return tensor(
    Float64Array.from(x.data, (entry) => entry / length),
    x.shape,
  );
}
