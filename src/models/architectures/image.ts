// The input of a model that reads images.
import { patchEmbedding, tokensOfImage } from "../forward/patchEmbedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { ConfigFile } from "./config.js";
import type { Input } from "./embedding.js";
import type { ImageRule } from "./family.js";

/** The embedding of patches, and what the model says of its inputs. */
export function imageOf(
  config: ConfigFile,
  weights: WeightSource,
  rule: ImageRule,
  width: number,
  prefix: string,
): Input {
  const image = { channels: config.count("num_channels", 3), ...config.extent("image_size", 224) };
  const patch = config.extent("patch_size", 16);
  if (patch.height > image.height || patch.width > image.width) {
    throw config.wrong("patch_size", `at most the image_size of ${image.height} × ${image.width}`);
  }
  const patches = { width, image, patch };
  return {
    vocabulary: 0,
    context: tokensOfImage(patches),
    image,
    embedding: patchEmbedding(weights, prefix + rule.embeddings, patches),
  };
}
