// What a row of scores has at its anchor, the key of its largest score. It is taken from the whole row before anything is
// multiplied by probabilities: a constant a row drops out of every derivative, and where one key has all the weight, what
// is left there is 0 to the last bit, however large the scores are.
import type { Kernel } from "./kernel.js";
import { loaders, type Matrix, type Product, pairOf, SIZES } from "./pass.js";
import type { Scores } from "./score.js";

const COTANGENT_VALUE: Product = { of: ["cotangent", "value"], into: 1 };
const COTANGENT_TANGENT: Product = { of: ["cotangent", "valueTangent"], into: 1 };

/**
 * Kernels that write to `terms`, an array of pairs [slots, heads, n]: x is the value at the anchor, and y is for the mean
 * of the row without it, which some of the passes find.
 */
export function anchorKernels({ name: scoresName, score, tangent, modified }: Scores) {
  const { slope } = modified;
  const make = (name: string, buffers: Kernel["buffers"], products: readonly Product[], rest: string): Kernel => ({
    name: `${name}, ${scoresName}`,
    buffers: { qkv: "read f32", statistics: "read vec4f", ...buffers, terms: "read_write vec2f" },
    sizes: [...SIZES, "slot"],
    lanes: 64,
    code: `
${loaders(matricesOf([score, ...products]))}
${modified.slopeFunctions}
fn kernel(group: vec3u, lane: u32) {
  let i = group.x * 64u + lane;
  let head = group.y;
  if (i >= size.n) { return; }
  let j = u32(statistics[head * size.n + i].z);
  let to = (size.slot * size.heads + head) * size.n + i;
${pairOf("anchor", products)}
  terms[to].x = anchor;
${rest}
}`,
  });
  return {
    /** E. */
    anchorTangent: make(
      "anchor of tangents",
      { tangent: "read f32" },
      tangent,
      slope ? `${pairOf("product", [score])}\n  terms[to].x = ${slope("product")} * anchor;` : "",
    ),
    /** M = G_O Vᵀ, and its mean a = ⟨G_O, O⟩. */
    anchorGradient: make(
      "anchor of gradients",
      { gradient: "read f32", output: "read f32" },
      [COTANGENT_VALUE],
      `
  var mean = 0.0;
  for (var c = 0u; c < size.dValue; c++) {
    mean = fma(cotangent(i, c, head), output[(i * size.heads + head) * size.dValue + c] - value(j, c, head), mean);
  }
  terms[to].y = mean;`,
    ),
    /** N = G_O dVᵀ. */
    anchorCurvature: make(
      "anchor of curvatures",
      { tangent: "read f32", gradient: "read f32" },
      [COTANGENT_TANGENT],
      "",
    ),
  };
}

function matricesOf(products: readonly Product[]): Matrix[] {
  return products.flatMap(({ of, and = [] }) => [...of, ...and]);
}
