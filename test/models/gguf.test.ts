// GGUF files: every format, a whole model, and what a damaged file is told.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { BlobSource } from "../../src/models/files/source.js";
import { readGguf } from "../../src/models/gguf/header.js";
import { GgufWeights } from "../../src/models/gguf/weights.js";
import { loadModel } from "../../src/models/index.js";
import { referenceRuntime } from "../reference/runtime.js";
import { distance, type Expectation, nested } from "./oracleFolders.js";

const folder = new URL("../oracle/gguf/", import.meta.url).pathname;
const bytesOf = (file: string) => readFileSync(folder + file);
const json = (file: string) => JSON.parse(readFileSync(folder + file, "utf8"));
const smollm = new URL("../../../shared/data/SmolLM2-135M-Instruct.Q4_1.gguf", import.meta.url).pathname;

it("every format is dequantised exactly", async () => {
  const source = new BlobSource({ "quants.gguf": new Blob([bytesOf("quants.gguf")]) });
  const header = await readGguf(source, "quants.gguf");
  const weights = new GgufWeights(source, "quants.gguf", header, { nameOf: (name) => name, permuted: () => undefined });
  const values: Record<string, number[]> = json("quants.json");
  for (const [name, expected] of Object.entries(values)) {
    weights.require(name, [4, 256]);
    const { data } = await weights.tensor(name);
    // They are recorded to nine digits, which tell numbers of single precision apart.
    expect(Array.from(data), name).toEqual(expected.map((entry) => Math.fround(entry)));
    const { data: rows } = await weights.rows(name, [1, 3]);
    expect(Array.from(rows)).toEqual([...data.slice(256, 512), ...data.slice(768)]);
  }
  expect(Object.keys(values)).toHaveLength(15);
});

describe("a whole model", () => {
  const expected: Expectation & { texts?: Record<string, number[]> } = json("llama.json");
  const { blocks } = expected.stacks["decoder"];

  it.each(["f64", "f32"] as const)("has its inputs and sigmas in %s", async (dtype) => {
    const runtime = await createRuntime({ device: "wasm", dtype });
    const model = await loadModel(`${folder}llama.gguf`, { runtime });
    const trace = await model.trace(expected.inputs["input_ids"] as number[], {
      layers: [...blocks.keys()],
      hidden: true,
    });
    const [near, sigmaNear] = dtype === "f64" ? [1e-8, 1e-8] : [2e-5, 2e-4];
    for (const [layer, { attention, block }] of blocks.entries()) {
      expect(distance(trace.get(layer)!, nested(attention!.input))).toBeLessThan(near);
      const options = { rtol: dtype === "f64" ? 1e-10 : 1e-6, bracket: 1, maxSteps: 400 };
      const whole = await localLipschitz(model.part(layer, "block"), nested(block.input), options);
      expect(Math.abs(whole.sigma / block.sigma - 1)).toBeLessThan(sigmaNear);
      const own = await localLipschitz(model.attention(layer), nested(attention!.input), options);
      expect(Math.abs(own.sigma / attention!.sigma - 1)).toBeLessThan(sigmaNear);
    }
    runtime.dispose();
  });

  it("says what it is: formats, tokenizer, the beginning of a text", async () => {
    const model = await loadModel(`${folder}llama.gguf`, { runtime: referenceRuntime() });
    expect(model.origin).toMatchObject({ source: `${folder}llama.gguf`, quantized: expect.stringContaining("Q8_0") });
    expect(model.config).toMatchObject({
      architecture: "llama",
      layers: 2,
      heads: 4,
      kvHeads: 2,
      width: 64,
      bosToken: 1,
    });
    expect(model.tokenizer!.decode(model.encode("the"))).toBe("the");
  });

  it("is read from files given by name, too", async () => {
    const files = { "a.gguf": new Blob([bytesOf("llama.gguf")]) };
    expect((await loadModel(files, { runtime: referenceRuntime() })).layers).toBe(2);
  });
});

describe("a file that can't be read", () => {
  const whole = bytesOf("llama.gguf");
  const edited = (edit: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole);
    edit(bytes);
    return bytes;
  };
  const text = (bytes: Buffer, from: string, to: string) => bytes.write(to, bytes.indexOf(from), "latin1");

  it.each<[string, Uint8Array, RegExp]>([
    ["is empty", new Uint8Array(0), /expected at least 24 bytes, got 0/],
    ["is no GGUF file", edited((bytes) => text(bytes, "GGUF", "GGML")), /not a GGUF file/],
    ["is of another version", edited((bytes) => bytes.writeUInt32LE(1, 4)), /version 1 of GGUF; 2 and 3 are read/],
    [
      "announces too many tensors",
      edited((bytes) => bytes.writeBigUInt64LE(2n ** 60n, 8)),
      /of something in a file of/,
    ],
    [
      "has a string longer than itself",
      edited((bytes) => bytes.writeBigUInt64LE(2n ** 50n, 24)),
      /of something in a file/,
    ],
    ["is cut in its header", whole.subarray(0, 600), /truncated|longer than the file/],
    ["is cut in its data", whole.subarray(0, -4096), /its data ends at byte \d+ of \d+; the file is truncated/],
    [
      "is of another architecture",
      edited((bytes) => text(bytes, "llama", "mamba")),
      /"general.architecture" is "mamba"; read from GGUF files are llama/,
    ],
    [
      "has a tensor of an unknown format",
      edited((bytes) => bytes.writeUInt32LE(99, bytes.indexOf("blk.0.ffn_up.weight") + 19 + 4 + 16)),
      /ffn_up.weight": stored as ggml type 99/,
    ],
  ])("%s", async (_, bytes, message) => {
    const failure = await loadModel(
      { "a.gguf": new Blob([new Uint8Array(bytes)]) },
      { runtime: referenceRuntime() },
    ).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toMatch(message);
  });
});

const absent = existsSync(smollm) ? "" : ` (skipped: ${smollm} is missing)`;
it.skipIf(absent)(`a real language model opens${absent}`, async () => {
  const model = await loadModel(smollm, { runtime: referenceRuntime() });
  expect(model.config).toMatchObject({ layers: 30, width: 576, heads: 9, kvHeads: 3 });
  expect(model.origin.quantized).toMatch(/^Q4_1/);
});
