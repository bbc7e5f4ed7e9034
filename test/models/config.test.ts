// What the keys of config.json do to each architecture, on the random checkpoints of the oracle.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { architectureOf } from "../../src/models/architectures/architectures.js";
import { ConfigFile } from "../../src/models/architectures/config.js";
import { type RopeRule, rotary } from "../../src/models/architectures/rope.js";
import { SafetensorsFile } from "../../src/models/checkpoint/safetensors.js";
import { BlobSource } from "../../src/models/files/source.js";
import { loadModel, type Model } from "../../src/models/index.js";
import { referenceRuntime } from "../reference/runtime.js";

type Config = Record<string, unknown>;

const folder = (name: string) => new URL(`../oracle/architectures/${name}/`, import.meta.url);
const configOf = (name: string): Config => JSON.parse(readFileSync(new URL("config.json", folder(name)), "utf8"));
const weightsOf = (name: string) => new Blob([readFileSync(new URL("model.safetensors", folder(name)))]);
const tokens: number[] = JSON.parse(readFileSync(new URL("expected.json", folder("llama")), "utf8")).tokens;

function load(name: string, config: Config): Promise<Model> {
  const files = {
    "config.json": new Blob([JSON.stringify({ ...configOf(name), ...config })]),
    "model.safetensors": weightsOf(name),
  };
  return loadModel(files, { runtime: referenceRuntime() });
}

/** The attention of each of the two layers. */
async function specs(name: string, config: Config): Promise<AttentionSpec[]> {
  const file = new ConfigFile({ ...configOf(name), ...config });
  const weights = await SafetensorsFile.open(
    new BlobSource({ "model.safetensors": weightsOf(name) }),
    "model.safetensors",
  );
  const [stack] = architectureOf(file)(file, weights).stacks;
  return Promise.all(stack.blocks.map(({ attention }) => attention.spec(tokens.length)));
}

async function masks(name: string, config: Config) {
  return (await specs(name, config)).map(({ mask }) => mask);
}

const window = (size: number) => ({ window: { left: size - 1, right: 0 } });

describe("sliding windows", () => {
  it("Mistral: on all layers, on none without a size, or where layer_types has them", async () => {
    expect(await masks("mistral", { sliding_window: 3 })).toEqual([window(3), window(3)]);
    expect(await masks("mistral", { sliding_window: null })).toEqual(["causal", "causal"]);
    const layer_types = ["full_attention", "sliding_attention"];
    expect(await masks("mistral", { layer_types })).toEqual(["causal", window(5)]);
  });

  it("Qwen2: from layer max_window_layers on, and only if use_sliding_window says so", async () => {
    const used = { use_sliding_window: true, sliding_window: 4 };
    expect(await masks("qwen2", { ...used, max_window_layers: 1 })).toEqual(["causal", window(4)]);
    expect(await masks("qwen2", { ...used, max_window_layers: 0 })).toEqual([window(4), window(4)]);
    expect(await masks("qwen2", { ...used, use_sliding_window: false, max_window_layers: 0 })).toEqual([
      "causal",
      "causal",
    ]);
    const layer_types = ["sliding_attention", "full_attention"];
    expect(await masks("qwen2", { ...used, layer_types })).toEqual([window(4), "causal"]);
  });

  it("GPT-Neo: by attention_layers, or by attention_types where that is absent", async () => {
    const expanded = { attention_layers: null, window_size: 2 };
    expect(await masks("gpt-neo", { ...expanded, attention_types: [[["local"], 2]] })).toEqual([window(2), window(2)]);
    const types = [
      [["local"], 1],
      [["global"], 1],
    ];
    expect(await masks("gpt-neo", { ...expanded, attention_types: types })).toEqual([window(2), "causal"]);
    expect(await masks("gpt-neo", { attention_layers: ["local", "global"] })).toEqual([window(5), "causal"]);
  });
});

describe("rotary positions", () => {
  const frequencies = (config: Config, headSize: number, rule: RopeRule = { share: 1 }, tokens = 1) =>
    rotary(new ConfigFile(config), rule, headSize, 2048).frequencies(tokens);
  const expectAll = (found: number[], expected: number[]) => {
    expect(found).toHaveLength(expected.length);
    for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 14);
  };

  it("turn pair c by base^(−2c/head size)", () => {
    expectAll(frequencies({ rope_theta: 100 }, 4), [1, 0.1]);
    expectAll(frequencies({}, 4), [1, 0.01]);
    expectAll(frequencies({ rope_parameters: { rope_type: "default", rope_theta: 100 } }, 4), [1, 0.1]);
  });

  it("turn a share of the head, as a head of that size", () => {
    expectAll(frequencies({ rope_theta: 100, partial_rotary_factor: 0.5 }, 8), [1, 0.1]);
    expectAll(frequencies({ rope_parameters: { rope_theta: 100, partial_rotary_factor: 0.4 } }, 10), [1, 0.1]);
  });

  it("are slowed by linear scaling, under either name of the type", () => {
    expectAll(frequencies({ rope_theta: 100, rope_scaling: { type: "linear", factor: 4 } }, 4), [0.25, 0.025]);
    const nested = { rope_type: "linear", factor: 4, rope_theta: 100, partial_rotary_factor: 0.5 };
    expectAll(frequencies({ rope_parameters: nested }, 8), [0.25, 0.025]);
  });

  it("are slowed by llama3 scaling where they turn few times, and blended in between", () => {
    const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const turns = 2.5;
    const context = (turns * 2 * Math.PI) / 0.1;
    const rope_scaling = { ...llama3, original_max_position_embeddings: context };
    const half = (0.1 + 0.1 / 8) / 2;
    expectAll(frequencies({ rope_theta: 1e4, rope_scaling }, 8), [1, half, 0.01 / 8, 0.001 / 8]);
  });

  it.each<[Config, number, RegExp]>([
    [{}, 5, /"head_dim": expected an even number/],
    [{ partial_rotary_factor: 0.5 }, 6, /"partial_rotary_factor": expected an even number of the 6 channels/],
    [{ partial_rotary_factor: 0.1 }, 8, /"partial_rotary_factor": expected an even number of the 8 channels/],
    [{ partial_rotary_factor: 2 }, 8, /"partial_rotary_factor": expected a share of the head, at most 1, got 2/],
    [{ partial_rotary_factor: "half" }, 8, /"partial_rotary_factor": expected a number above 0/],
    [{ rope_scaling: { type: "proportional" } }, 8, /"rope_scaling": .*proportional.* not implemented; .*llama3/],
    [{ rope_scaling: { type: "constructor" } }, 8, /"rope_scaling": .*not implemented/],
    [{ rope_scaling: { type: "linear" } }, 8, /"rope_scaling": expected an object whose "factor" is a number above 0/],
    [{ rope_scaling: { type: "linear", factor: 2, mscale: 1 } }, 8, /"rope_scaling": .*type "linear" with "mscale"/],
    [{ rope_parameters: { full_attention: {} } }, 8, /"rope_parameters": .*with "full_attention"/],
    [{ rope_parameters: { rope_theta: -1 } }, 8, /"rope_parameters": .*"rope_theta" is a number above 0, got -1/],
    [
      {
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 4,
          original_max_position_embeddings: 8192,
        },
      },
      8,
      /"rope_scaling": expected "high_freq_factor" above "low_freq_factor", got 4/,
    ],
  ])("refuses %j for heads of %i", (config, headSize, message) => {
    expect(() => frequencies(config, headSize)).toThrow(ModelError);
    expect(() => frequencies(config, headSize)).toThrow(message);
  });
});

describe("keys that change the attention and are not implemented, or can't be, are refused by name", () => {
  it.each<[string, string, unknown]>([
    ["bert", "position_embedding_type", "relative_key_query"],
    ["bert", "add_cross_attention", true],
    ["bert", "hidden_act", "elu"],
    ["bert", "num_attention_heads", 5],
    ["roberta", "position_embedding_type", "relative_key"],
    ["roberta", "max_position_embeddings", 2],
    ["roberta", "pad_token_id", -1],
    ["distilbert", "quantization_config", { bits: 8 }],
    ["distilbert", "n_heads", 7],
    ["gpt-neo", "attention_layers", ["global", "strided"]],
    ["gpt-neo", "attention_layers", ["global"]],
    ["gpt-neo", "num_heads", 5],
    ["mistral", "layer_types", ["sliding_attention", "chunked_attention"]],
    ["mistral", "layer_types", ["sliding_attention"]],
    ["mistral", "sliding_window", 0],
    ["mistral", "attention_chunk_size", 8],
    ["qwen2", "dual_chunk_attention_config", { chunk_size: 8 }],
    ["qwen2", "max_window_layers", -1],
    ["llama", "partial_rotary_factor", 0.5],
    ["gemma", "hidden_activation", "gelu"],
    ["gemma", "attn_logit_softcapping", 50],
    ["gemma", "query_pre_attn_scalar", 144],
    ["gemma", "use_bidirectional_attention", true],
    ["gemma", "sliding_window", 8],
    ["llama", "layer_types", ["full_attention", "sliding_attention"]],
    ["vit", "patch_size", 13],
    ["vit", "patch_size", [4, 4, 4]],
    ["vit", "image_size", 0],
    ["vit", "quantization_config", { bits: 8 }],
  ])("%s: %s = %j", async (name, key, value) => {
    const failure = await load(name, { [key]: value }).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toContain(`config.json: "${key}":`);
  });

  it.each<[unknown, string]>([
    [[["global", "local"]], "no count"],
    [[[["global"], 1e9]], "absurdly many"],
    [{ global: 2 }, "no array"],
  ])("gpt-neo: attention_types = %j (%s)", async (attention_types) => {
    await expect(load("gpt-neo", { attention_layers: null, attention_types })).rejects.toThrow(
      /"attention_types": expected "global" or "local" for each of num_layers = 2 layers/,
    );
  });
});

describe("BERT's special tokens", () => {
  const vocab = { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, smooth: 4, "##er": 5, "<s>": 6 };
  const pieces = {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 99,
  };
  const special = (id: number, content: string) => ({ id, content, special: true });
  const tokenizer = {
    version: "1.0",
    added_tokens: [special(2, "[CLS]"), special(3, "[SEP]")],
    normalizer: { type: "BertNormalizer", lowercase: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2] },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: { ...pieces, vocab },
  };
  const bert = (settings: object) => {
    const files = { "config.json": configOf("bert"), "tokenizer.json": tokenizer, "tokenizer_config.json": settings };
    const blobs = Object.entries(files).map(([name, value]) => [name, new Blob([JSON.stringify(value)])] as const);
    const source = { ...Object.fromEntries(blobs), "model.safetensors": weightsOf("bert") };
    return loadModel(source, { runtime: referenceRuntime() });
  };

  it("are not added to a text; [CLS] is there to be put in front", async () => {
    const model = await bert({ cls_token: "[CLS]" });
    expect(model.encode("Smoother")).toEqual([4, 5]);
    expect(model.config.bosToken).toBe(2);
  });

  it("are known by name where tokenizer_config.json is silent, and by it where it isn't", async () => {
    expect((await bert({ do_lower_case: true })).config.bosToken).toBe(2);
    expect((await bert({ cls_token: { content: "<s>" } })).config.bosToken).toBe(6);
    expect((await bert({ bos_token: "<s>", cls_token: "[CLS]" })).config.bosToken).toBe(6);
  });
});

describe("defaults of Hugging Face", () => {
  const inputs = async (name: string, config: Config) =>
    (await (await load(name, config)).trace(tokens, { layers: [1] })).get(1);

  it("Gemma's gelu is its tanh form", async () => {
    const plain = await inputs("gemma", {});
    expect(await inputs("gemma", { hidden_act: "gelu", hidden_activation: null })).toEqual(plain);
    expect(await inputs("gemma", { hidden_act: "gelu_new" })).toEqual(plain);
    expect(await inputs("gemma", { hidden_act: "silu" })).not.toEqual(plain);
  });

  it("GPT-2's scores may be unscaled, or divided by the number of the layer", async () => {
    const scales = async (config: Config) => (await specs("gpt2", config)).map(({ scale }) => scale);
    const [whole] = await scales({});
    expect(await scales({ scale_attn_weights: false })).toEqual([1, 1]);
    expect(await scales({ scale_attn_by_inverse_layer_idx: true })).toEqual([whole, whole! / 2]);
  });

  it("BERT is causal where it is a decoder", async () => {
    expect(await masks("bert", { is_decoder: true })).toEqual(["causal", "causal"]);
    expect(await masks("bert", {})).toEqual(["none", "none"]);
  });

  it("Qwen2 has no window without use_sliding_window, whatever layer_types says", async () => {
    const layer_types = ["sliding_attention", "full_attention"];
    expect(await masks("qwen2", { layer_types, use_sliding_window: false })).toEqual(["causal", "causal"]);
  });

  it("RoBERTa gives padding tokens the padding position, and doesn't count them", async () => {
    const roberta = await load("roberta", {});
    expect(roberta.config).toMatchObject({ context: 24, bosToken: 0 });
    const pad = 1;
    const first = async (window: number[]) => (await roberta.trace(window, { layers: [0] })).get(0)!;
    const rows = (data: ArrayLike<number>, from: number, to: number) => Array.from(data).slice(24 * from, 24 * to);
    const padded = await first([5, pad, 7, pad]);
    const plain = await first([5, 7]);
    expect(rows(padded.data, 0, 1)).toEqual(rows(plain.data, 0, 1));
    expect(rows(padded.data, 2, 3)).toEqual(rows(plain.data, 1, 2));
    expect(rows(padded.data, 1, 2)).toEqual(rows(padded.data, 3, 4));
  });
});
