// What may come between the products of queries and keys and the softmax, in WGSL: a soft cap c·tanh(s/c), a bias that
// does not depend on the input, and a sink, a logit of every head that joins the softmax with value 0. Bias and sinks
// lie behind the mask, in its buffer (docs/theory.md, section 14).
import { biasAt } from "../../layers/attention/bias.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import { bitsOf } from "./memory.js";
import type { Modified } from "./pass.js";

/** Which of them a layer has: each combination has kernels of its own. */
export interface Modifiers {
  readonly capped: boolean;
  readonly biased: false | "by distance" | "by pair";
  readonly sinks: boolean;
}

export function modifiersOf({ softcap, bias, sinks }: Pick<ResolvedSpec, "softcap" | "bias" | "sinks">): Modifiers {
  return {
    capped: softcap !== undefined,
    biased: bias === undefined ? false : "matrix" in bias ? "by pair" : "by distance",
    sinks: sinks !== undefined,
  };
}

export function nameOf({ capped, biased, sinks }: Modifiers): string {
  return `${capped ? ", capped" : ""}${biased ? `, biased ${biased}` : ""}${sinks ? ", with sinks" : ""}`;
}

/** tanh(x) and 1 − tanh², from which neither loses digits: near 0 by its series, further out from r = exp(−2|x|). */
const BENDS = `
fn cap() -> f32 { return bitcast<f32>(size.capBits); }
fn bent(x: f32) -> f32 {
  let r = exp(-2.0 * abs(x));
  let far = sign(x) * ((1.0 - r) / (1.0 + r));
  let z = x * x;
  let near = x + x * z * (-3.33332819422e-1 + z * (1.33314422036e-1 + z * (-5.37397155531e-2
    + z * (2.06390887954e-2 - z * 5.70498872745e-3))));
  return select(far, near, abs(x) < 0.625);
}
fn slopeOf(score: f32) -> f32 {
  let r = exp(-2.0 * abs(score / cap()));
  return 4.0 * r / ((1.0 + r) * (1.0 + r));
}
// φ″/φ′ = −2·tanh/c.
fn turnOf(score: f32) -> f32 { return -2.0 * bent(score / cap()) / cap(); }`;

const biasCode = (biased: Modifiers["biased"]) => `
fn biasOf(i: u32, j: u32, head: u32) -> f32 {
  if (i >= size.n || j >= size.n) { return 0.0; }
  let base = size.biasAt + head * size.biasStride;
  return bitcast<f32>(mask[base + ${biased === "by pair" ? "i * size.n + j" : "size.n - 1u + i - j"}]);
}`;

export function modified({ capped, biased }: Modifiers): Modified {
  const cappedScore = (product: string) => (capped ? `cap() * bent(${product} / cap())` : product);
  return {
    functions: `${capped ? BENDS : ""}${biased ? biasCode(biased) : ""}`,
    slopeFunctions: capped ? BENDS : "",
    score: (product) => `${cappedScore(product)}${biased ? " + biasOf(i, j, head)" : ""}`,
    slope: capped ? (product) => `slopeOf(${product})` : undefined,
  };
}

/** The share of a row that its head's sink takes, in WGSL; the kernel has buffers `mask` and `statistics`. */
export function shareCode({ sinks }: Modifiers): string {
  if (!sinks) return "";
  return `
fn shareOfSink(i: u32, head: u32) -> f32 {
  let row = statistics[head * size.n + i];
  return exponential(bitcast<f32>(mask[size.sinksAt + head]) - row.x) * row.y;
}`;
}

/** What the kernels read behind a mask of `words` words, and where. */
export function packModifiers(
  { softcap, bias, sinks }: Pick<ResolvedSpec, "softcap" | "bias" | "sinks">,
  n: number,
  words: number,
): { behind: Uint32Array; sizes: Record<string, number> } {
  const added = bias && biasAt(bias, n);
  const numbers = added ? ("matrix" in added ? added.matrix : added.byDistance) : [];
  const behind = new Float32Array(numbers.length + (sinks?.length ?? 0));
  behind.set(numbers);
  if (sinks) behind.set(sinks, numbers.length);
  const stride = !added ? 0 : "matrix" in added ? (added.heads === 1 ? 0 : n * n) : 2 * n - 1;
  return {
    behind: new Uint32Array(behind.buffer),
    sizes: {
      capBits: bitsOf(softcap ?? 1),
      biasAt: words,
      biasStride: stride,
      sinksAt: words + numbers.length,
    },
  };
}
