// What practitioners watch beside sigma, from one pass over scores and probabilities, a head at a time and without a solver
// (docs/theory.md, section 15.3).
import { wrongKind } from "../base/check.js";
import type { Tensor, TensorLike } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import type { LinearOperator } from "../device/operator.js";
import { type HostHead, type HostLayer, hostLayer } from "../layers/attention/hostPrimal.js";
import { collatzWielandt } from "../linalg/collatzWielandt.js";
import { applied } from "./applied.js";
import { sharpness } from "./softmaxBounds.js";

/** What one head does with its rows of probabilities; rows of tokens that attend to nothing are left out. */
export interface HeadCompanions {
  /** Of a row, in nats, a sink included: 0 where one key has it all, log(keys seen) where all are alike. */
  entropy: { mean: number; least: number };
  /** Mean probability of the first token, over the rows that see it: large where it serves as a sink. */
  firstToken: number;
  /** Mean probability that a learned sink takes; 0 without one. */
  sink: number;
  /** The largest |score| before the softmax, over the pairs that a mask allows. */
  largestScore: number;
  /** ‖P‖₂, from above and to a thousandth. */
  patternNorm: number;
  /** g1 = p₁(1 − p₁ + p₂) of the rows, p₁ ≥ p₂ their largest entries: how sharply softmax can answer there, at most ½. */
  sharpness: { mean: number; tenth: number; median: number; ninetieth: number };
}

/** What `companions` returns. */
export interface Companions {
  n: number;
  heads: HeadCompanions[];
}

/** What has Jacobians: an attention layer. */
interface AttentionLike {
  linearize(x: TensorLike): Promise<LinearOperator & { readonly output: Tensor; dispose(): void }>;
}

/**
 * Entropy, share of the first token, largest score, norm and sharpness of every head's probabilities at x [n, dIn], from
 * the layer's weights in doubles.
 * @throws TypeError for anything but an attention layer
 * @example
 * const { heads } = await companions(layer, x);
 * heads[0].entropy.mean;
 */
export async function companions(attention: AttentionLike, x: TensorLike): Promise<Companions> {
  if (attention === null || typeof attention !== "object" || typeof attention.linearize !== "function") {
    throw wrongKind("attention", "an attention layer", attention);
  }
  const at = await attention.linearize(x);
  try {
    return await companionsAt(at);
  } finally {
    at.dispose();
  }
}

/** The same of a linearization that is at hand. */
export async function companionsAt(J: LinearOperator): Promise<Companions> {
  return applied(J, async ({ structure }) => {
    if (!structure?.attention) throw wrongKind("attention", "an attention layer, alone", "a layer of another kind");
    const { spec, x: input } = await structure.attention.read();
    const layer = hostLayer(spec, input);
    const heads: HeadCompanions[] = [];
    for (let h = 0; h < spec.heads; h++) {
      heads.push(companionsOf(layer, layer.headAt(h)));
      await turn();
    }
    return { n: layer.n, heads };
  });
}

function companionsOf(layer: HostLayer, head: HostHead): HeadCompanions {
  const { n } = layer;
  const { p } = head;
  const entropies: number[] = [];
  const sharp = sharpness(p, n);
  const rows: number[] = [];
  let first = 0;
  let seen = 0;
  let sink = 0;
  for (let i = 0; i < n; i++) {
    let total = 0;
    let entropy = 0;
    for (let j = 0; j < n; j++) {
      const value = p[i * n + j];
      total += value;
      if (value > 0) entropy -= value * Math.log(value);
    }
    if (total === 0) continue;
    const left = layer.rowsSumToOne ? 0 : Math.max(0, 1 - total);
    if (left > 0) entropy -= left * Math.log(left);
    entropies.push(Math.max(0, entropy));
    rows.push(sharp[i]);
    sink += left;
    if (layer.maySee(i, 0)) {
      first += p[i * n];
      seen++;
    }
  }
  rows.sort((a, b) => a - b);
  const quantile = (share: number) => rows[Math.max(0, Math.ceil(share * rows.length) - 1)] ?? 0;
  return {
    entropy: {
      mean: meanOf(entropies),
      least: entropies.reduce((least, value) => Math.min(least, value), meanOf(entropies)),
    },
    firstToken: seen === 0 ? 0 : first / seen,
    sink: rows.length === 0 ? 0 : sink / rows.length,
    largestScore: largestScore(layer, head),
    patternNorm: collatzWielandt(p, n, 1e-3),
    sharpness: { mean: meanOf(rows), tenth: quantile(0.1), median: quantile(0.5), ninetieth: quantile(0.9) },
  };
}

/** Of the scores as the layer has them: the vector that was taken from all keys is put back. */
function largestScore(layer: HostLayer, head: HostHead): number {
  const { n } = layer;
  const k = head.k.map((entry, at) => entry + head.keyOffset[at % head.keyOffset.length]);
  let largest = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (layer.maySee(i, j)) largest = Math.max(largest, Math.abs(layer.score(head, i, j, k)));
    }
  }
  return largest;
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
