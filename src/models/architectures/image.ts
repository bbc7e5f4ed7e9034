// The input of a model that reads images, and what its attention knows of the grid of patches.
import { type Tensor, tensor } from "../../base/tensor.js";
import type { ScoreBias } from "../../layers/attention/bias.js";
import { gridOf, type PatchEmbeddingSpec, patchEmbedding, tokensOfImage } from "../forward/patchEmbedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { Read } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import type { Input } from "./embedding.js";
import type { Family, ImageRule } from "./family.js";
import { norm } from "./modules.js";
import { of } from "./of.js";
import type { Sizes } from "./sizes.js";

/** The embedding of patches, and what the model says of its inputs. */
export function imageOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  { width, epsilon }: Sizes,
  prefix: string,
): Input {
  const spec = patchesOf(config, family.image!, width, prefix);
  const name = of(family.embedNorm, config);
  const embedding = {
    ...patchEmbedding(weights, spec),
    norm: name ? norm(weights, prefix + name, { kind: family.norm, width, epsilon }) : undefined,
  };
  return { vocabulary: 0, context: tokensOfImage(spec), image: spec.image, embedding };
}

/** How images become tokens. */
export function patchesOf(config: ConfigFile, rule: ImageRule, width: number, prefix: string): PatchEmbeddingSpec {
  const image = { channels: config.count("num_channels", 3), ...config.extent("image_size", 224) };
  const patch = config.extent("patch_size", rule.patch ?? 16);
  if (patch.height > image.height || patch.width > image.width) {
    throw config.wrong("patch_size", `at most the image_size of ${image.height} × ${image.width}`);
  }
  const { flat = false, registers, kernel, kernelBias = true, resizes } = rule;
  const [rows, columns] = gridOf(image, patch);
  const positions = of(rule.positions, config);
  const count = registers ? config.index("num_register_tokens", registers.absent) : 0;
  const places = rule.front.length + rows * columns;
  return {
    width,
    image,
    patch,
    kernel: `${prefix}${kernel}.weight`,
    bias: kernelBias ? `${prefix}${kernel}.bias` : undefined,
    front: rule.front.map((name) => ({ name: prefix + name, shape: flat ? [width] : [1, 1, width] })),
    registers: registers && count > 0 ? { name: prefix + registers.name, shape: [1, count, width] } : undefined,
    positions: positions ? { name: prefix + positions, shape: flat ? [places, width] : [1, places, width] } : undefined,
    resizes,
  };
}

/**
 * DINOv3's rotary positions, [tokens, headSize / 2]: those of a patch turn by 2π·c·base^(−4k/headSize), k < headSize / 4,
 * for its centre's y and then its x, from −1 to 1; the tokens in front don't turn.
 */
export function gridAngles(spec: PatchEmbeddingSpec, headSize: number, base: number): Tensor {
  const [rows, columns] = gridOf(spec.image, spec.patch);
  const tokens = tokensOfImage(spec);
  const pairs = headSize / 2;
  const angles = new Float64Array(tokens * pairs);
  const first = tokens - rows * columns;
  for (let patch = 0; patch < rows * columns; patch++) {
    const y = (2 * (Math.floor(patch / columns) + 0.5)) / rows - 1;
    const x = (2 * ((patch % columns) + 0.5)) / columns - 1;
    for (let k = 0; k < pairs / 2; k++) {
      const frequency = 2 * Math.PI * base ** ((-4 * k) / headSize);
      angles[(first + patch) * pairs + k] = y * frequency;
      angles[(first + patch) * pairs + pairs / 2 + k] = x * frequency;
    }
  }
  return tensor(angles, [tokens, pairs]);
}

/** BEiT's table of distances between patches, [(2·rows − 1)(2·columns − 1) + 3, heads], as a matrix over tokens. */
export function gridBias(
  weights: WeightSource,
  name: string,
  { image, patch }: PatchEmbeddingSpec,
  heads: number,
): Read<ScoreBias> {
  const [rows, columns] = gridOf(image, patch);
  const distances = (2 * rows - 1) * (2 * columns - 1);
  weights.require(name, [distances + 3, heads]);
  const rowOf = (i: number, j: number) => {
    if (i === 0 || j === 0) return distances + (i === 0 ? (j === 0 ? 2 : 0) : 1);
    const dy = Math.floor((i - 1) / columns) - Math.floor((j - 1) / columns) + rows - 1;
    return dy * (2 * columns - 1) + ((i - 1) % columns) - ((j - 1) % columns) + columns - 1;
  };
  return async () => {
    const { data } = await weights.tensor(name);
    const n = 1 + rows * columns;
    const matrix = new Float64Array(heads * n * n);
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) matrix[(h * n + i) * n + j] = data[rowOf(i, j) * heads + h];
      }
    }
    return { matrix: tensor(matrix, [heads, n, n]) };
  };
}
