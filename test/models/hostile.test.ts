// What fuzzing found: files that are well-formed and still made the loader throw the wrong error, or allocate.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { loadModel } from "../../src/models/index.js";
import { referenceRuntime } from "../reference/runtime.js";
import { f32, gpt2Checkpoint, gpt2Config, image, llamaCheckpoint, llamaConfig, safetensors } from "./files.js";

function blob(content: string | Uint8Array | object): Blob {
  const plain = typeof content === "string" || content instanceof Uint8Array;
  return new Blob([plain ? (content as Uint8Array<ArrayBuffer>) : JSON.stringify(content)]);
}

function load(files: Record<string, string | Uint8Array | object>) {
  const blobs = Object.entries(files).map(([name, content]) => [name, blob(content)]);
  return loadModel(Object.fromEntries(blobs), { runtime: referenceRuntime() });
}

async function refusal(files: Record<string, string | Uint8Array | object>): Promise<ModelError> {
  const failure = await load(files).catch((error) => error);
  expect(failure).toBeInstanceOf(ModelError);
  expect(failure.message.length).toBeLessThan(500);
  return failure;
}

/** More than is read. */
const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;

describe("values too deep or too long for a message", () => {
  const config = (key: string, value: string) => `${JSON.stringify(gpt2Config).slice(0, -1)},"${key}":${value}}`;
  const header = (entry: string) => image(`{"a":${entry}}`, new Uint8Array(4));

  it.each([
    ["a config key", "config.json", config("add_cross_attention", deep), /config\.json: nested more than 64 deep/],
    ["the architectures", "config.json", `{"architectures":${deep}}`, /config\.json: nested more than 64 deep/],
    ["a long model_type", "config.json", { model_type: "x".repeat(1e4) }, /"model_type" is "x+\.\.\.; supported/],
    ["a dtype", "model.safetensors", header(`{"dtype":${deep}}`), /the header: nested more than 64 deep/],
    ["a shape", "model.safetensors", header(`{"dtype":"F32","shape":${deep}}`), /the header: nested more than 64 deep/],
    [
      "offsets",
      "model.safetensors",
      header(`{"dtype":"F32","shape":[1],"data_offsets":[0,${deep}]}`),
      /the header: nested more than 64 deep/,
    ],
    [
      "a shape of very many extents",
      "model.safetensors",
      header(`{"dtype":"F32","shape":[${"1,".repeat(1e4)}2],"data_offsets":[0,4]}`),
      /shape \[1, 1, 1, 1, 1, 1, 1, 1, \.\.\.\] of F32 takes 8 bytes/,
    ],
    ["a long name", "model.safetensors", image(`{"${"x".repeat(1e4)}":1}`), /tensor "x+\.\.\.: expected \{ dtype/],
  ])("%s", async (_, file, content, message) => {
    const failure = await refusal({
      "config.json": gpt2Config,
      "model.safetensors": safetensors(gpt2Checkpoint()),
      [file]: content,
    });
    expect(failure.message).toMatch(message);
    expect(failure.file).toBe(file);
  });
});

describe("rotary positions", () => {
  const weights = safetensors(llamaCheckpoint());

  it("are not made for heads that no weights can have", async () => {
    const config = { ...llamaConfig, head_dim: 2 ** 40 };
    const failure = await refusal({ "config.json": config, "model.safetensors": weights });
    expect(failure.message).toMatch(/"head_dim": expected at most 65536, for rotary positions, got 1099511627776/);
  });

  it.each([
    ["a factor of nearly 0", { rope_scaling: { type: "linear", factor: 5e-324 } }],
    ["a base of nearly 0", { rope_theta: 5e-324, head_dim: 64 }],
  ])("stay finite: %s", async (_, keys) => {
    const failure = await refusal({ "config.json": { ...llamaConfig, ...keys }, "model.safetensors": weights });
    expect(failure.message).toMatch(/"rope_theta": expected a base and factors that keep frequencies finite, got Inf/);
  });
});

describe("a tokenizer.json that is wrong inside", () => {
  const intact = JSON.parse(readFileSync(join(import.meta.dirname, "../../models/tiny/tokenizer.json"), "utf8"));
  const withTokenizer = (tokenizer: object) =>
    load({
      "config.json": gpt2Config,
      "model.safetensors": safetensors(gpt2Checkpoint()),
      "tokenizer.json": tokenizer,
    });
  const withIdOfH = (id: unknown) => {
    return { ...intact, model: { ...intact.model, vocab: { ...intact.model.vocab, H: id } } };
  };

  it("is intact to begin with", async () => {
    const { tokenizer } = await withTokenizer(intact);
    expect(tokenizer!.decode(tokenizer!.encode("Hi"))).toBe("Hi");
    expect(tokenizer!.decode([])).toBe("");
  });

  it.each([-1, 0.5, "7", true, {}, [2]])("an id that is none, %j", async (id) => {
    const model = await withTokenizer(withIdOfH(id));
    expect(() => model.encode("Hi")).toThrow(ModelError);
    expect(() => model.encode("Hi")).toThrow(
      /tokenizer\.json can't be used \(model\.vocab gives "H" the id .*token ids work/,
    );
  });

  it.each([0, -1, "4"])("pieces of length %j, which never come to the end of a text", async (length) => {
    const pieces = { type: "Sequence", pretokenizers: [{ type: "FixedLength", length }] };
    const model = await withTokenizer({ ...intact, pre_tokenizer: pieces });
    expect(() => model.encode("Hi")).toThrow(
      /pre_tokenizer\.pretokenizers\[0\]\.length is .*, not an integer of at least 1.*token ids work/,
    );
  });

  it("a template of nothing known", async () => {
    const processor = { type: "TemplateProcessing", single: [-1], pair: [], special_tokens: {} };
    const model = await withTokenizer({ ...intact, post_processor: processor });
    expect(() => model.encode("Hi")).toThrow(/post_processor\.single\[0\] is -1, neither the text nor a special token/);
  });

  it("an unknown token that is not in the vocabulary, once it is needed", async () => {
    const model = await withTokenizer({
      ...intact,
      pre_tokenizer: null,
      model: { ...intact.model, unk_token: "<none>" },
    });
    expect(() => model.encode("漢")).toThrow(ModelError);
    expect(() => model.encode("漢")).toThrow(
      /^tokenizer\.json: can't encode with it \(.*"<none>".*\); token ids work without/,
    );
  });

  it("whoever passes what is no text and no tokens is told so", async () => {
    const { tokenizer } = await withTokenizer(intact);
    expect(() => tokenizer!.encode(1 as never)).toThrow(/"text": expected a string, got 1/);
    expect(() => tokenizer!.decode("x" as never)).toThrow(/"tokens": expected an array of token ids, got "x"/);
    expect(() => tokenizer!.decode([0, -1])).toThrow(/"tokens\[1\]": expected an integer of at least 0, got -1/);
  });
});

describe("finite weights that overflow", () => {
  const large = (shape: number[]) => f32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(3e38));
  const trace = async (name: string, shape: number[], layer: number) => {
    const weights = safetensors({ ...gpt2Checkpoint(), [`transformer.${name}`]: large(shape) });
    const runtime = await createRuntime({ device: "wasm" });
    const model = await loadModel({ "config.json": blob(gpt2Config), "model.safetensors": blob(weights) }, { runtime });
    return model.trace([0, 1, 2], { layers: [layer] });
  };

  it.each([
    [
      "the input of a layer",
      "h.0.ln_1.weight",
      [4],
      0,
      /^block 0 can't be computed in f32: .*overflow.* -?Infinity at/,
    ],
    ["an attention", "h.0.attn.c_attn.weight", [4, 12], 1, /^block 0 can't be computed in f32: .*overflow/],
    ["a feed-forward", "h.0.mlp.c_fc.bias", [16], 1, /^block 0 can't be computed in f32: .*finite/],
  ])("%s: a ModelError that names the block", async (_, name, shape, layer, message) => {
    const failure = await trace(name, shape, layer).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toMatch(message);
  });
});
