// Factors on a branch, taken into the last map of the branch.
import type { Linear } from "../../layers/linear.js";
import type { WeightSource } from "../forward/weights.js";
import type { ConfigFile } from "./config.js";
import type { Family } from "./family.js";
import { scaledLinear } from "./modules.js";

/** Scales the last map of the attention's branch (0) or the feed-forward's (1), as the family has it. */
export function branchScaleOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  width: number,
  path: string,
  branch: 0 | 1,
): (map: Linear) => Promise<Linear> {
  const factor = family.residual?.(config) ?? 1;
  const name = family.branchScales && path + family.branchScales[branch];
  if (!name || !weights.has(name)) return async (map) => (factor === 1 ? map : scaledLinear(map, factor));
  weights.require(name, [width]);
  return async (map) => scaledLinear(map, (await weights.tensor(name)).data);
}
