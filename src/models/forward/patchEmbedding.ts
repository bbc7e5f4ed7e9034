// The input of a vision transformer (Dosovitskiy et al. 2021): an image cut into patches, behind a class token.
import { checkKeys, checkTensor, wrongKind } from "../../base/check.js";
import type { RealArray, Tensor } from "../../base/tensor.js";
import type { ImageSize, PixelInput } from "../model.js";
import type { Embedding } from "./embedding.js";
import type { WeightSource } from "./weights.js";

export interface PatchEmbeddingSpec {
  width: number;
  image: ImageSize;
  patch: { height: number; width: number };
}

/** The class token and the patches that fit into the image. */
export function tokensOfImage({ image, patch }: PatchEmbeddingSpec): number {
  return 1 + Math.floor(image.height / patch.height) * Math.floor(image.width / patch.width);
}

/**
 * Hugging Face's ViTEmbeddings: a learned class token, then the patches row by row, each by one linear map of its
 * pixels; a learned position is added to each.
 * @param prefix of the names, with its dot
 */
export function patchEmbedding(weights: WeightSource, prefix: string, spec: PatchEmbeddingSpec): Embedding {
  const { width, image, patch } = spec;
  const tokens = tokensOfImage(spec);
  const classToken = `${prefix}cls_token`;
  const positions = `${prefix}position_embeddings`;
  const kernel = `${prefix}patch_embeddings.projection.weight`;
  const bias = `${prefix}patch_embeddings.projection.bias`;
  weights.require(classToken, [1, 1, width]);
  weights.require(positions, [1, tokens, width]);
  weights.require(kernel, [width, image.channels, patch.height, patch.width]);
  weights.require(bias, [width]);

  return {
    reads: "pixels",

    check(label, input) {
      const shape = [image.channels, image.height, image.width];
      if (input === null || typeof input !== "object" || !("pixels" in input)) {
        throw wrongKind(label, `an image { pixels: [${shape.join(", ")}] }`, input);
      }
      checkKeys(label, input, ["pixels"]);
      checkTensor(`${label}.pixels`, input.pixels, shape);
      return tokens;
    },

    async embed(images) {
      const start = (await weights.tensor(classToken)).data;
      const places = (await weights.tensor(positions)).data;
      const map = await weights.tensor(kernel);
      const offset = (await weights.tensor(bias)).data;
      const hidden = new Float64Array(images.length * tokens * width);
      for (const [at, input] of images.entries()) {
        const own = hidden.subarray(at * tokens * width, (at + 1) * tokens * width);
        own.set(start);
        mapPatches((input as PixelInput).pixels.data, image, map, offset, own.subarray(width));
        for (let i = 0; i < own.length; i++) own[i] += places[i];
      }
      return hidden;
    },
  };
}

/** Each patch of the pixels [channels, height, width] through kernel [dOut, channels, rows, columns], into `out`. */
function mapPatches(pixels: RealArray, image: ImageSize, kernel: Tensor, bias: RealArray, out: Float64Array): void {
  const [dOut, channels, rows, columns] = kernel.shape;
  const patch = new Float64Array(channels * rows * columns);
  let at = 0;
  for (let top = 0; top + rows <= image.height; top += rows) {
    for (let left = 0; left + columns <= image.width; left += columns) {
      for (let line = 0; line < channels * rows; line++) {
        const y = Math.floor(line / rows) * image.height + top + (line % rows);
        const from = y * image.width + left;
        patch.set(pixels.subarray(from, from + columns), line * columns);
      }
      for (let o = 0; o < dOut; o++) {
        let sum = bias[o];
        for (let i = 0; i < patch.length; i++) sum += kernel.data[o * patch.length + i] * patch[i];
        out[at++] = sum;
      }
    }
  }
}
