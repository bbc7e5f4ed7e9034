// The input of a vision transformer (Dosovitskiy et al. 2021): an image cut into patches, behind tokens of its own.
import { checkKeys, checkTensor, wrongKind } from "../../base/check.js";
import type { RealArray, Tensor } from "../../base/tensor.js";
import type { ImageSize, ModelInput, PixelInput } from "../model.js";
import { resampled } from "./bicubic.js";
import type { Embedding } from "./embedding.js";
import type { WeightSource } from "./weights.js";

/** Learned tokens: the name of their tensor, and its shape, whose last extent is the width. */
export interface OwnTokens {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface PatchEmbeddingSpec {
  readonly width: number;
  readonly image: ImageSize;
  readonly patch: { readonly height: number; readonly width: number };
  /** The map of a patch: [width, channels, patch height, patch width]. */
  readonly kernel: string;
  readonly bias?: string;
  /** In front of the patches. */
  readonly front: readonly OwnTokens[];
  /** Behind the first of those in front, without positions. */
  readonly registers?: OwnTokens;
  /** A position for each token but the registers. */
  readonly positions?: OwnTokens;
  /** Images may have another size: the positions of the patches are resampled. */
  readonly resizes?: boolean;
}

/** Patches that fit into an image, by rows and columns. */
export function gridOf(image: ImageSize, patch: PatchEmbeddingSpec["patch"]): [number, number] {
  return [Math.floor(image.height / patch.height), Math.floor(image.width / patch.width)];
}

/** The tokens of an image: those in front, the registers and the patches. */
export function tokensOfImage({ width, image, patch, front, registers }: PatchEmbeddingSpec): number {
  const [rows, columns] = gridOf(image, patch);
  const own = [...front, ...(registers ? [registers] : [])];
  return own.reduce((sum, tokens) => sum + countOf(tokens, width), 0) + rows * columns;
}

/** The patches row by row, each by one linear map of its pixels. */
export function patchEmbedding(weights: WeightSource, spec: PatchEmbeddingSpec): Embedding {
  const { width, image, patch, kernel, bias, front, registers, positions, resizes = false } = spec;
  for (const { name, shape } of [...front, ...[registers, positions].filter((own) => own !== undefined)]) {
    weights.require(name, shape);
  }
  weights.require(kernel, [width, image.channels, patch.height, patch.width]);
  if (bias) weights.require(bias, [width]);
  const grid = gridOf(image, patch);
  const inFront = front.reduce((sum, tokens) => sum + countOf(tokens, width), 0);

  const sizeOf = (input: ModelInput): ImageSize => {
    const { pixels } = input as PixelInput;
    const [channels, height, columns] = "shape" in pixels ? pixels.shape : pixels.dims;
    return resizes ? { channels, height, width: columns } : image;
  };

  return {
    reads: "pixels",

    check(label, input) {
      const shape = [image.channels, image.height, image.width];
      if (input === null || typeof input !== "object" || !("pixels" in input)) {
        throw wrongKind(label, `an image { pixels: [${shape.join(", ")}] }`, input);
      }
      checkKeys(label, input, ["pixels"]);
      checkTensor(`${label}.pixels`, input.pixels, resizes ? [image.channels, -1, -1] : shape);
      const own = sizeOf(input);
      if (own.height < patch.height || own.width < patch.width) {
        throw new RangeError(
          `"${label}.pixels": expected at least ${patch.height} × ${patch.width} pixels, a patch, got ${own.height} × ${own.width}`,
        );
      }
      return tokensOfImage({ ...spec, image: own });
    },

    async embed(inputs) {
      const read = async (tokens?: OwnTokens) => tokens && (await weights.tensor(tokens.name)).data;
      const starts: RealArray[] = [];
      for (const tokens of front) starts.push((await read(tokens))!);
      const [extra, places] = [await read(registers), await read(positions)];
      const map = await weights.tensor(kernel);
      const offset = bias ? (await weights.tensor(bias)).data : new Float64Array(width);
      const images: Float64Array[] = [];
      for (const input of inputs) {
        const size = sizeOf(input);
        const own = gridOf(size, patch);
        const embedded = new Float64Array((inFront + own[0] * own[1]) * width);
        let at = 0;
        for (const start of starts) {
          embedded.set(start, at);
          at += start.length;
        }
        mapPatches((input as PixelInput).pixels.data, size, map, offset, embedded.subarray(at));
        if (places) addPositions(embedded, places, inFront * width, grid, own, width);
        images.push(extra ? withRegisters(embedded, extra, width) : embedded);
      }
      return joined(images);
    },
  };
}

function countOf({ shape }: OwnTokens, width: number): number {
  return shape.reduce((product, extent) => product * extent, 1) / width;
}

/** Those of the patches resampled where the image has another grid. */
function addPositions(
  embedded: Float64Array,
  places: RealArray,
  front: number,
  grid: readonly [number, number],
  own: readonly [number, number],
  width: number,
): void {
  const same = grid[0] === own[0] && grid[1] === own[1];
  const ofPatches = same ? places.subarray(front) : resampled(places.subarray(front), grid, own, width);
  for (let i = 0; i < embedded.length; i++) embedded[i] += i < front ? places[i] : ofPatches[i - front];
}

function withRegisters(embedded: Float64Array, registers: RealArray, width: number): Float64Array {
  const all = new Float64Array(embedded.length + registers.length);
  all.set(embedded.subarray(0, width));
  all.set(registers, width);
  all.set(embedded.subarray(width), width + registers.length);
  return all;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
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
