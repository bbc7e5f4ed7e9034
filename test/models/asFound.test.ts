// Files as people have them on disk: wrapped, half-downloaded, quantised to eight bits, of another format.
import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import { decodeNumbers } from "../../src/models/checkpoint/dtype.js";
import { loadModel } from "../../src/models/index.js";
import { referenceRuntime } from "../reference/runtime.js";
import {
  type Checkpoint,
  f32,
  folderOf,
  gpt2Checkpoint,
  gpt2Config,
  llamaCheckpoint,
  llamaConfig,
  safetensors,
} from "./files.js";

type Files = Record<string, string | Uint8Array | object>;

const tokens = [0, 3, 1, 4];
const load = (files: Files) => loadModel(folderOf(files), { runtime: referenceRuntime() });
const gpt2 = (checkpoint: Checkpoint, config: object = {}) =>
  load({ "config.json": { ...gpt2Config, ...config }, "model.safetensors": safetensors(checkpoint) });

async function inputs(model: Awaited<ReturnType<typeof load>>, layer = 1) {
  return (await model.trace(tokens, { layers: [layer] })).get(layer)!;
}

async function refusal(files: Files): Promise<string> {
  const failure = await load(files).catch((error) => error);
  expect(failure).toBeInstanceOf(ModelError);
  return failure.message;
}

const renamed = (checkpoint: Checkpoint, rename: (name: string) => string): Checkpoint =>
  Object.fromEntries(Object.entries(checkpoint).map(([name, stored]) => [rename(name), stored]));

describe("names", () => {
  it.each<[string, (name: string) => string]>([
    ["module.", (name) => `module.${name}`],
    ["module. twice", (name) => `module.module.${name}`],
    ["_orig_mod.", (name) => `_orig_mod.${name}`],
    ["_orig_mod. within", (name) => name.replace("h.1.", "h.1._orig_mod.")],
    ["both", (name) => `module._orig_mod.${name}`],
    ["base_model.model.", (name) => `base_model.model.${name}`],
    ["base_model.", (name) => `base_model.${name}`],
  ])("may have the prefixes of wrappers: %s", async (_, rename) => {
    expect(await inputs(await gpt2(renamed(gpt2Checkpoint(), rename)))).toEqual(
      await inputs(await gpt2(gpt2Checkpoint())),
    );
  });

  it("of a tensor that is missing are the checkpoint's own", async () => {
    const { "transformer.wpe.weight": _, ...rest } = gpt2Checkpoint();
    await expect(gpt2(renamed(rest, (name) => `module.${name}`))).rejects.toThrow(
      /"transformer\.wpe\.weight": missing/,
    );
  });
});

describe("Git LFS pointers", () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"ab".repeat(32)}\nsize 548105171\n`;
  const weights = safetensors(gpt2Checkpoint());

  it.each<[string, Files]>([
    ["model.safetensors", { "config.json": gpt2Config, "model.safetensors": pointer }],
    ["config.json", { "config.json": pointer, "model.safetensors": weights }],
    ["pytorch_model.bin", { "config.json": gpt2Config, "pytorch_model.bin": pointer }],
    ["model.safetensors.index.json", { "config.json": gpt2Config, "model.safetensors.index.json": pointer }],
  ])("in the place of %s are named, with what to run", async (file, files) => {
    expect(await refusal(files)).toMatch(new RegExp(`${file.replaceAll(".", "\\.")}: a Git LFS pointer.*git lfs pull`));
  });
});

describe("an index with stale entries", () => {
  const index = (missing: string) => ({
    weight_map: {
      ...Object.fromEntries(Object.keys(gpt2Checkpoint()).map((name) => [name, "a.safetensors"])),
      [missing]: "a.safetensors",
    },
  });
  const sharded = (missing: string, checkpoint = gpt2Checkpoint()) => ({
    "config.json": gpt2Config,
    "model.safetensors.index.json": index(missing),
    "a.safetensors": safetensors(checkpoint),
  });

  it("is read where nobody needs them, and named where one is needed", async () => {
    await expect(load(sharded("lm_head.weight"))).resolves.toBeDefined();
    const { "transformer.wpe.weight": _, ...rest } = gpt2Checkpoint();
    expect(await refusal(sharded("transformer.wpe.weight", rest))).toMatch(
      /a\.safetensors: .*wpe.weight": missing; .*index/,
    );
  });
});

describe("what is no checkpoint by itself", () => {
  it.each(["adapter_config.json alone", "adapter_config.json beside a model"])("LoRA weights: %s", async (kind) => {
    const model = { "config.json": gpt2Config, "model.safetensors": safetensors(gpt2Checkpoint()) };
    const adapter = { "adapter_config.json": { peft_type: "LORA", base_model_name_or_path: "gpt2" } };
    expect(await refusal({ ...adapter, ...(kind.includes("beside") ? model : {}) })).toMatch(
      /LoRA weights.*merge.*AutoPeftModelForCausalLM.*merge_and_unload\(\)\.save_pretrained/,
    );
  });

  it("LoRA weights among the model's own", async () => {
    const lora = { "base_model.model.transformer.h.0.attn.c_attn.lora_A.default.weight": f32([1, 4], [1, 2, 3, 4]) };
    const whole = renamed(gpt2Checkpoint(), (name) => `base_model.model.${name}`);
    const files = { "config.json": gpt2Config, "model.safetensors": safetensors({ ...whole, ...lora }) };
    expect(await refusal(files)).toMatch(/LoRA weights/);
  });

  it.each([
    ["model.onnx", /model\.onnx is an ONNX graph, which is not read: give the checkpoint/],
    ["tf_model.h5", /tf_model\.h5 is a TensorFlow checkpoint.*from_tf=True/],
    ["flax_model.msgpack", /is a Flax checkpoint.*from_flax=True/],
  ])("%s is named, with what to do", async (file, message) => {
    expect(await refusal({ "config.json": gpt2Config, [file]: new Uint8Array(4) })).toMatch(message);
  });

  it.each<[object, string]>([
    [{ model_type: "distilbert" }, "AutoModel"],
    [{ model_type: "bert", architectures: ["BertForMaskedLM"] }, "AutoModelForMaskedLM"],
    [
      { model_type: "roberta", architectures: ["RobertaForSequenceClassification"] },
      "AutoModelForSequenceClassification",
    ],
    [{ model_type: "llama" }, "AutoModelForCausalLM"],
    [{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"] }, "AutoModelForCausalLM"],
    [{ model_type: "gpt2", architectures: ["GPT2Model"] }, "AutoModel"],
    [{ model_type: "vit" }, "AutoModel"],
  ])("a pickle of %j is converted by %s", async (config, name) => {
    const message = await refusal({ "config.json": config, "pytorch_model.bin": new Uint8Array(4) });
    expect(message).toContain(`from transformers import ${name} as M;`);
  });
});

describe("floats of eight bits", () => {
  it("have their exact values", () => {
    const at = (dtype: string, ...bytes: number[]) => Array.from(decodeNumbers(dtype, Uint8Array.from(bytes)));
    expect(at("F8_E4M3", 0x00, 0x01, 0x07, 0x08, 0x38, 0x7e, 0xb8, 0x80)).toEqual([
      0,
      2 ** -9,
      7 * 2 ** -9,
      2 ** -6,
      1,
      448,
      -1,
      -0,
    ]);
    expect(at("F8_E4M3", 0x7f, 0xff)).toEqual([Number.NaN, Number.NaN]);
    expect(at("F8_E5M2", 0x00, 0x01, 0x03, 0x04, 0x3c, 0x7b, 0xbc)).toEqual([
      0,
      2 ** -16,
      3 * 2 ** -16,
      2 ** -14,
      1,
      57344,
      -1,
    ]);
    expect(at("F8_E5M2", 0x7c, 0xfc, 0x7d)).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
  });

  const name = "model.layers.0.self_attn.q_proj.weight";
  const bytes = Uint8Array.from({ length: 48 }, (_, at) => 0x20 + at);
  const values = Array.from(decodeNumbers("F8_E4M3", bytes));
  const quantized = (quantization_config: object | undefined, scales: Checkpoint) => {
    const checkpoint = { ...llamaCheckpoint(), [name]: { dtype: "F8_E4M3", shape: [12, 4], bytes }, ...scales };
    return { "config.json": { ...llamaConfig, quantization_config }, "model.safetensors": safetensors(checkpoint) };
  };
  const plain = (scale: (row: number, column: number) => number) => ({
    "config.json": llamaConfig,
    "model.safetensors": safetensors({
      ...llamaCheckpoint(),
      [name]: f32(
        [12, 4],
        values.map((x, at) => x * scale(Math.floor(at / 4), at % 4)),
      ),
    }),
  });
  const outputOf = async (files: Files) => {
    const model = await load(files);
    return model.attention(0).forward(await inputs(model, 0));
  };

  it.each<[string, object | undefined, Checkpoint, (row: number, column: number) => number]>([
    ["without a scale", undefined, {}, () => 1],
    ["one scale", { quant_method: "fp8" }, { [`${name}_scale`]: f32([], [0.5]) }, () => 0.5],
    [
      "one scale a row",
      { quant_method: "compressed-tensors", format: "float-quantized" },
      { [`${name}_scale`]: f32([12, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) },
      (row) => row + 1,
    ],
    [
      "one scale a block",
      { quant_method: "fp8", weight_block_size: [4, 2] },
      { [`${name}_scale_inv`]: f32([3, 2], [1, 2, 3, 4, 5, 6]) },
      (row, column) => 1 + 2 * Math.floor(row / 4) + Math.floor(column / 2),
    ],
  ])("are read: %s", async (_, config, scales, scale) => {
    expect(await outputOf(quantized(config, scales))).toEqual(await outputOf(plain(scale)));
  });

  it("are refused with scales of another shape, or another quantization", async () => {
    const scales = { [`${name}_scale_inv`]: f32([2, 2], [1, 2, 3, 4]) };
    expect(await refusal(quantized({ quant_method: "fp8", weight_block_size: [4, 2] }, scales))).toMatch(
      /_scale_inv": expected one scale/,
    );
    expect(await refusal(quantized({ quant_method: "gptq", bits: 4 }, {}))).toMatch(
      /"quantization_config": .*not implemented/,
    );
  });
});
