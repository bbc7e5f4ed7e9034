import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { patchEmbedding, tokensOfImage } from "../../src/models/forward/patchEmbedding.js";
import { loadModel, type Model, type ModelInput } from "../../src/models/index.js";
import { referenceRuntime } from "../reference/runtime.js";

const folder = new URL("../oracle/architectures/vit", import.meta.url).pathname;
const { pixels: recorded } = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8"));
const data = Float64Array.from(recorded.flat(2));
const pixels = tensor(data, [3, 12, 12]);

let model: Model;
beforeAll(async () => {
  model = await loadModel(folder, { runtime: referenceRuntime() });
});

describe("a vision transformer", () => {
  it("reads images of one size and makes a token of each patch, behind the class token", () => {
    expect(model.config).toEqual({
      architecture: "vit",
      layers: 2,
      width: 24,
      heads: 4,
      kvHeads: 4,
      headSize: 6,
      vocabulary: 0,
      context: 10,
      image: { channels: 3, height: 12, width: 12 },
      bosToken: undefined,
    });
  });

  it("takes an image by shape or by dims, and many of them at once", async () => {
    const byShape = (await model.trace({ pixels }, { layers: [1] })).get(1)!;
    const byDims = (await model.trace({ pixels: { data, dims: [3, 12, 12] } }, { layers: [1] })).get(1)!;
    expect(byDims).toEqual(byShape);
    const darker = tensor(
      data.map((entry) => entry / 2),
      [3, 12, 12],
    );
    for await (const { inputs } of model.walk([{ pixels: darker }, { pixels }], { layers: [1] })) {
      expect(inputs[1]).toEqual(byShape);
      expect(inputs[0]).toEqual((await model.trace({ pixels: darker }, { layers: [1] })).get(1));
    }
  });

  it("has no text encoding, and says what it reads", async () => {
    const refusal = /this vit model reads images, not text or tokens/;
    expect(() => model.encode("a cat")).toThrow(ModelError);
    await expect(model.trace("a cat", { layers: [0] })).rejects.toThrow(refusal);
    expect(model.tokenizer).toBeUndefined();
  });

  it.each<[string, unknown, typeof TypeError, RegExp]>([
    ["tokens", [1, 2], TypeError, /"input": expected an image \{ pixels: \[3, 12, 12\] \}, got an array of length 2/],
    ["pixels alone", pixels, TypeError, /"input": expected an image \{ pixels: \[3, 12, 12\] \}/],
    ["no tensor", { pixels: 7 }, TypeError, /"input\.pixels": expected a tensor/],
    ["more than pixels", { pixels, size: 12 }, TypeError, /"input": unknown key "size"/],
    ["another size", { pixels: tensor(new Float32Array(192), [3, 8, 8]) }, RangeError, /"input\.pixels".*3, 12, 12/],
    [
      "NaN",
      {
        pixels: tensor(
          data.map((x, at) => (at === 13 ? NaN : x)),
          [3, 12, 12],
        ),
      },
      RangeError,
      /NaN at \[0, 1, 1\]/,
    ],
  ])("refuses %s", async (_, input, kind, message) => {
    const failure = await model.trace(input as ModelInput, { layers: [0] }).catch((error) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(failure.message).toMatch(message);
  });

  it("is refused an image by a model that reads tokens", async () => {
    const gpt2 = new URL("../oracle/architectures/gpt2", import.meta.url).pathname;
    const reader = await loadModel(gpt2, { runtime: referenceRuntime() });
    await expect(reader.trace({ pixels }, { layers: [0] })).rejects.toThrow(
      /"tokens": expected an array of token ids, got an object/,
    );
  });
});

describe("patches", () => {
  it("of images and patches that are no squares, from a border that no patch fills", async () => {
    const spec = {
      width: 2,
      image: { channels: 2, height: 7, width: 9 },
      patch: { height: 3, width: 2 },
      kernel: "kernel",
      bias: "bias",
      front: [{ name: "cls_token", shape: [1, 1, 2] }],
      positions: { name: "position_embeddings", shape: [1, 9, 2] },
    };
    expect(tokensOfImage(spec)).toBe(1 + 2 * 4);
    const tensors = new Map<string, Tensor>();
    const random = new Random(1);
    const weights = {
      has: () => true,
      shape: () => undefined,
      require(name: string, shape: readonly number[]) {
        const size = shape.reduce((product, extent) => product * extent, 1);
        tensors.set(name, tensor(random.fillGaussian(new Float64Array(size)), [...shape]));
      },
      tensor: async (name: string) => tensors.get(name)!,
      rows: () => Promise.reject(new Error("unused")),
    };
    const embedding = patchEmbedding(weights, spec);
    const image = tensor(random.fillGaussian(new Float64Array(2 * 7 * 9)), [2, 7, 9]);
    const hidden = await embedding.embed([{ pixels: image }], referenceRuntime());

    const at = (name: string) => tensors.get(name)!.data;
    const places = at("position_embeddings");
    for (let c = 0; c < 2; c++) expect(hidden[c]).toBeCloseTo(at("cls_token")[c] + places[c], 12);
    for (let row = 0; row < 2; row++) {
      for (let column = 0; column < 4; column++) {
        const token = 1 + 4 * row + column;
        for (let c = 0; c < 2; c++) {
          let sum = at("bias")[c] + places[2 * token + c];
          for (let channel = 0; channel < 2; channel++)
            for (let y = 0; y < 3; y++)
              for (let x = 0; x < 2; x++) {
                const weight = at("kernel")[((c * 2 + channel) * 3 + y) * 2 + x];
                sum += weight * image.data[(channel * 7 + 3 * row + y) * 9 + 2 * column + x];
              }
          expect(hidden[2 * token + c]).toBeCloseTo(sum, 12);
        }
      }
    }
  });
});
