// The layer of the cold starts: one head, 64 tokens of 64 features.
import { gaussianLayer } from "../../layer.mjs";

export const n = 64;
export const d = 64;
export const { spec, x } = gaussianLayer({ d, heads: 1, std: 0.1, mask: "none", seed: 1, n });
