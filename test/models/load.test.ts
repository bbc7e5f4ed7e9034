import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import { type LoadEvent, loadModel, type ModelSource } from "../../src/models/index.js";
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

const tokens = [0, 3, 1, 4];

function load(source: ModelSource) {
  return loadModel(source, { runtime: referenceRuntime() });
}

function gpt2Folder(config: object = {}, checkpoint: Checkpoint = gpt2Checkpoint()): string {
  return folderOf({ "config.json": { ...gpt2Config, ...config }, "model.safetensors": safetensors(checkpoint) });
}

function llamaFolder(config: object = {}, checkpoint: Checkpoint = llamaCheckpoint()): string {
  return folderOf({ "config.json": { ...llamaConfig, ...config }, "model.safetensors": safetensors(checkpoint) });
}

async function firstInputs(folder: ModelSource, layer: number) {
  return (await (await load(folder)).trace(tokens, { layers: [layer] })).get(layer)!;
}

async function refusal(source: ModelSource): Promise<ModelError> {
  const failure = await load(source).catch((error) => error);
  expect(failure).toBeInstanceOf(ModelError);
  return failure;
}

describe("names and shapes", () => {
  it("GPT-2 with and without the prefix transformer.", async () => {
    const bare = gpt2Folder({}, gpt2Checkpoint(""));
    expect(await firstInputs(bare, 1)).toEqual(await firstInputs(gpt2Folder(), 1));
  });

  it("Llama with and without the prefix model.", async () => {
    const model = await load(llamaFolder());
    const bare = await load(llamaFolder({}, llamaCheckpoint("")));
    const x = (await model.trace(tokens, { layers: [0] })).get(0)!;
    expect((await bare.trace(tokens, { layers: [0] })).get(0)).toEqual(x);
    expect(await bare.attention(0).forward(x)).toEqual(await model.attention(0).forward(x));
  });

  it("Llama with a head size of its own and biases", async () => {
    const model = await load(llamaFolder());
    expect(model.config).toMatchObject({ heads: 2, kvHeads: 1, headSize: 6, width: 4 });
    const x = (await model.trace(tokens, { layers: [0] })).get(0)!;
    const withBias = await model.attention(0).forward(x);
    const without = await (await load(llamaFolder({ attention_bias: false }))).attention(0).forward(x);
    expect(withBias.shape).toEqual([4, 4]);
    expect(withBias.data).not.toEqual(without.data);
  });

  it.each(["wte.weight", "transformer.wte.weight"])(
    "takes a tied embedding from lm_head where %s is missing",
    async (name) => {
      const checkpoint = gpt2Checkpoint(name.startsWith("t") ? "transformer." : "");
      const { [name]: table, ...rest } = checkpoint;
      const tied = gpt2Folder({}, { ...rest, "lm_head.weight": table });
      expect(await firstInputs(tied, 0)).toEqual(await firstInputs(gpt2Folder({}, checkpoint), 0));
      const apart = gpt2Folder({ tie_word_embeddings: false }, { ...rest, "lm_head.weight": table });
      expect((await refusal(apart)).message).toContain(`tensor "${name}": missing`);
    },
  );

  it("the activation that config.json names", async () => {
    const inputs = async (activation_function: string) =>
      (await firstInputs(gpt2Folder({ activation_function }), 1)).data;
    expect(await inputs("gelu_pytorch_tanh")).toEqual(await inputs("gelu_new"));
    expect(await inputs("gelu")).not.toEqual(await inputs("gelu_new"));
    expect(await inputs("silu")).not.toEqual(await inputs("gelu_new"));
    expect((await refusal(gpt2Folder({ activation_function: "elu" }))).message).toMatch(
      /config\.json: "activation_function": expected one of gelu, .*got "elu"/,
    );
  });

  it("rope_theta of transformers 5, inside rope_parameters", async () => {
    const { rope_theta, ...config } = llamaConfig;
    const output = async (folder: string) => {
      const model = await load(folder);
      return model.attention(0).forward((await model.trace(tokens, { layers: [0] })).get(0)!);
    };
    const nested = folderOf({
      "config.json": { ...config, rope_parameters: { rope_type: "default", rope_theta } },
      "model.safetensors": safetensors(llamaCheckpoint()),
    });
    expect(await output(nested)).toEqual(await output(llamaFolder()));
    expect(await output(llamaFolder({ rope_theta: 7 }))).not.toEqual(await output(llamaFolder()));
  });
});

describe("sources", () => {
  it("files dropped, with names, and files by name", async () => {
    const folder = gpt2Folder();
    const expected = await firstInputs(folder, 1);
    const files = readdirSync(folder).map((name) => new File([readFileSync(join(folder, name))], name));
    expect(await firstInputs(files, 1)).toEqual(expected);
    const byName = Object.fromEntries(files.map((file) => [file.name, new Blob([file])]));
    expect(await firstInputs(byName, 1)).toEqual(expected);
    expect(await firstInputs(new Map(Object.entries(byName)), 1)).toEqual(expected);
    expect(await (await load(files)).origin.hashes!()).toEqual(await (await load(folder)).origin.hashes!());
  });

  it("reads headers on opening, one layer's bytes when it is used, and all of a file for its hash alone", async () => {
    const folder = gpt2Folder();
    let read = 0;
    class Counted extends Blob {
      override slice(start = 0, end = this.size): Blob {
        read += end - start;
        return super.slice(start, end);
      }
    }
    const bytes = readFileSync(join(folder, "model.safetensors"));
    const header = 8 + Number(bytes.readBigUInt64LE());
    const model = await load({
      "config.json": new Blob([readFileSync(join(folder, "config.json"))]),
      "model.safetensors": new Counted([bytes]),
    });
    expect(read).toBe(header);
    const { width, layers } = model.config;
    await model.attention(0).forward({ data: new Float32Array(width).fill(1), shape: [1, width] });
    expect(read).toBeLessThan(header + (bytes.length - header) / layers);
    await model.origin.hashes!();
    expect(read).toBeGreaterThanOrEqual(bytes.length);
  });

  it.each([
    ["./no-such-folder", /^\.\/no-such-folder: no such folder$/],
    ["/no/such/folder", /no such folder/],
    [
      "nowhere",
      /^nowhere: no such folder; give a folder with config\.json, owner\/name for a model of the hub, or, .* tiny$/,
    ],
    [new URL("file:///no/such/folder"), /^\/no\/such\/folder: no such folder$/],
  ])("refuses %s", async (source, message) => {
    expect((await refusal(source)).message).toMatch(message);
  });

  it("refuses what is no source at all, and a runtime that is none", async () => {
    for (const source of [undefined, null, 7, [7], [new Blob([])], { a: 7 }]) {
      await expect(load(source as unknown as ModelSource)).rejects.toThrow(TypeError);
    }
    await expect(load("")).rejects.toThrow(RangeError);
    await expect(loadModel(gpt2Folder(), {} as never)).rejects.toThrow(/"runtime": expected a runtime/);
    const misspelt = { runtime: referenceRuntime(), revison: "main" };
    await expect(loadModel(gpt2Folder(), misspelt)).rejects.toThrow(/unknown key "revison"/);
  });

  it("names a file where a folder is expected", async () => {
    const folder = gpt2Folder();
    expect((await refusal(join(folder, "config.json"))).message).toMatch(/config\.json: expected a folder, got a file/);
  });

  it("reports the files it opens, and stops at an abort", async () => {
    const events: LoadEvent[] = [];
    const folder = gpt2Folder();
    await loadModel(folder, { runtime: referenceRuntime(), onProgress: (event) => events.push(event) });
    expect(events.map(({ file }) => file)).toEqual(["config.json", "model.safetensors"]);
    const controller = new AbortController();
    const loading = loadModel(folder, {
      runtime: referenceRuntime(),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(loading).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  });
});

describe("missing and foreign files", () => {
  const config = gpt2Config;
  const bin = new Uint8Array(4);

  it.each<[string, Record<string, string | Uint8Array | object>, RegExp]>([
    ["an empty folder", {}, /config\.json: no such file; .*found: nothing/],
    ["no config.json", { "notes.txt": "" }, /config\.json: no such file; .*found: notes\.txt/],
    ["no weights", { "config.json": config }, /model\.safetensors: no such file; found: config\.json/],
    [
      "pytorch_model.bin alone",
      { "config.json": config, "pytorch_model.bin": bin },
      /pytorch_model\.bin is a pickle.*AutoModelForCausalLM.*save_pretrained\(.*safe_serialization=True/,
    ],
    ["a config.json that isn't JSON", { "config.json": "{" }, /config\.json: not JSON/],
    ["a config.json that isn't UTF-8", { "config.json": Uint8Array.of(0xff, 0xfe) }, /config\.json: not JSON in UTF-8/],
    ["a config.json that is an array", { "config.json": [] }, /config\.json: expected a JSON object/],
    [
      "an unknown architecture",
      { "config.json": { model_type: "mamba" } },
      /config\.json: "model_type" is "mamba"; supported are gpt2, llama, .* others/,
    ],
    [
      "an architecture named as a property of objects",
      { "config.json": { model_type: "constructor" } },
      /"model_type" is "constructor"; supported are/,
    ],
    [
      "no architecture",
      { "config.json": { architectures: ["MambaForCausalLM"] } },
      /"model_type" is not given \(architectures: \["MambaForCausalLM"\]\); supported are gpt2, llama, .* others/,
    ],
  ])("%s", async (_, files, message) => {
    expect((await refusal(folderOf(files))).message).toMatch(message);
  });

  it("a folder in the place of the weights", async () => {
    const folder = folderOf({ "config.json": config });
    mkdirSync(join(folder, "model.safetensors"));
    expect((await refusal(folder)).message).toMatch(/model\.safetensors: no such file/);
  });

  it.each(["transformer.wpe.weight", "transformer.h.1.mlp.c_proj.bias"])("the missing tensor %s", async (name) => {
    const { [name]: _, ...rest } = gpt2Checkpoint();
    expect((await refusal(gpt2Folder({}, rest))).message).toContain(`model.safetensors: tensor "${name}": missing`);
  });

  it("a tensor whose shape config.json contradicts", async () => {
    const name = "transformer.h.0.attn.c_proj.weight";
    const checkpoint = { ...gpt2Checkpoint(), [name]: f32([4, 2], new Float32Array(8)) };
    expect((await refusal(gpt2Folder({}, checkpoint))).message).toContain(
      `tensor "${name}": expected shape [4, 4] by config.json, got [4, 2]`,
    );
  });

  it("NaN among the weights of a layer: by tensor and place, when it is read", async () => {
    const name = "transformer.h.1.attn.c_attn.weight";
    const values = new Float32Array(48);
    values[14] = Number.NaN;
    const model = await load(gpt2Folder({}, { ...gpt2Checkpoint(), [name]: f32([4, 12], values) }));
    const x = (await model.trace(tokens, { layers: [1] })).get(1)!;
    await expect(model.attention(1).forward(x)).rejects.toThrow(
      new RegExp(`tensor "${name}": expected finite numbers, got NaN at \\[1, 2\\]`),
    );
  });
});

describe("config keys that change results and are not implemented", () => {
  it.each<[string, unknown]>([
    ["add_cross_attention", true],
    ["quantization_config", { bits: 4 }],
  ])("GPT-2: %s", async (key, value) => {
    expect((await refusal(gpt2Folder({ [key]: value }))).message).toContain(`config.json: "${key}":`);
  });

  it.each<[string, unknown]>([
    ["rope_scaling", { type: "proportional", factor: 2 }],
    ["rope_scaling", { type: "linear", factor: 2, attention_factor: 2 }],
    ["rope_scaling", { rope_type: "llama3", factor: 8 }],
    ["rope_scaling", { factor: 8 }],
    ["rope_scaling", "yarn"],
    ["rope_parameters", { rope_type: "yarn", factor: "2", rope_theta: 100 }],
    ["sliding_window", 8],
    ["layer_types", ["sliding_attention"]],
    ["attention_chunk_size", 8],
    ["attn_logit_softcapping", 50],
    ["quantization_config", { bits: 4 }],
  ])("Llama: %s = %j", async (key, value) => {
    expect((await refusal(llamaFolder({ [key]: value }))).message).toContain(`config.json: "${key}":`);
  });

  it("takes them with the value that changes nothing", async () => {
    const inert = { scale_attn_by_inverse_layer_idx: false, scale_attn_weights: true, reorder_and_upcast_attn: true };
    await expect(load(gpt2Folder({ ...inert, add_cross_attention: false, n_inner: null }))).resolves.toBeDefined();
    const plain = {
      rope_scaling: null,
      partial_rotary_factor: 1,
      sliding_window: null,
      layer_types: ["full_attention"],
    };
    await expect(load(llamaFolder(plain))).resolves.toBeDefined();
    const unused = { rope_scaling: { rope_type: "default" }, sliding_window: 8, use_sliding_window: false };
    await expect(load(llamaFolder(unused))).resolves.toBeDefined();
  });
});

describe("config values that can't be", () => {
  it.each<[string, unknown, RegExp]>([
    ["n_layer", 0, /"n_layer": expected an integer of at least 1, got 0/],
    ["n_layer", "2", /"n_layer": expected an integer of at least 1, got "2"/],
    ["n_embd", undefined, /"n_embd": expected an integer of at least 1, got undefined/],
    ["n_head", 3, /"n_head": expected a divisor of n_embd = 4, got 3/],
    ["layer_norm_epsilon", -1, /"layer_norm_epsilon": expected a number above 0, got -1/],
    ["scale_attn_weights", "yes", /"scale_attn_weights": expected true or false, got "yes"/],
    ["n_layer", 2 ** 52, /tensor "transformer\.h\.2\.ln_1\.weight": missing/],
  ])("GPT-2: %s = %j", async (key, value, message) => {
    expect((await refusal(gpt2Folder({ [key]: value }))).message).toMatch(message);
  });

  it.each<[string, unknown, RegExp]>([
    ["num_key_value_heads", 3, /"num_key_value_heads": expected a divisor of num_attention_heads = 2, got 3/],
    ["head_dim", 3, /"head_dim": expected an even number/],
    ["rope_theta", "big", /"rope_theta": expected a number above 0, got "big"/],
    ["hidden_act", "elu", /"hidden_act": expected one of/],
  ])("Llama: %s = %j", async (key, value, message) => {
    expect((await refusal(llamaFolder({ [key]: value }))).message).toMatch(message);
  });
});

describe("text", () => {
  it("a tokenizer.json that can't be used leaves token ids usable", async () => {
    const folder = gpt2Folder();
    writeFileSync(join(folder, "tokenizer.json"), "{");
    const model = await load(folder);
    expect(() => model.encode("x")).toThrow(/tokenizer\.json can't be used .*not JSON/);
    await expect(model.trace("x", { layers: [0] })).rejects.toThrow(ModelError);
    expect((await model.trace(tokens, { layers: [0] })).get(0)!.shape).toEqual([4, 4]);
  });
});
