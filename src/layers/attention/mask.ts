// Masks at a given length: which keys each query may attend to.
import { checkInteger, checkKeys, wrongKind } from "../../base/check.js";

/** Which tokens j a token i may attend to; `all` takes several, every one of which must allow it. */
export type Mask =
  | "none"
  | "causal"
  /** j in [i − left, i + right]; either may be Infinity. */
  | { window: { left: number; right: number } }
  /** j's chunk in [chunk(i) − left, chunk(i) + right]; left and right default to 0. */
  | { chunk: { size: number; left?: number; right?: number } }
  /** n·n, row-major, 1 = may attend; n is checked when x is given. */
  | { allowed: Uint8Array }
  /** Every one must allow. */
  | { all: Mask[] };

/** Query i may attend to keys lo[i] ≤ j < hi[i], and where `allowed` is given only where allowed[i·n + j] is 1. */
export interface ResolvedMask {
  readonly n: number;
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly allowed?: Uint8Array;
}

/** Throws where a mask is not one of API.md's; sizes that depend on n are left to `resolveMask`. */
export function checkMask(label: string, mask: unknown): void {
  if (mask === "none" || mask === "causal") return;
  const kinds = '"none", "causal", { window }, { chunk }, { allowed } or { all }';
  if (mask === null || typeof mask !== "object" || Object.keys(mask).length !== 1) throw wrongKind(label, kinds, mask);
  if ("window" in mask) {
    checkKeys(`${label}.window`, mask.window, ["left", "right"]);
    const { left, right } = mask.window as { left: unknown; right: unknown };
    if (left !== Number.POSITIVE_INFINITY) checkInteger(`${label}.window.left`, left, 0);
    if (right !== Number.POSITIVE_INFINITY) checkInteger(`${label}.window.right`, right, 0);
  } else if ("chunk" in mask) {
    checkKeys(`${label}.chunk`, mask.chunk, ["size", "left", "right"]);
    const { size, left = 0, right = 0 } = mask.chunk as { size: unknown; left?: unknown; right?: unknown };
    checkInteger(`${label}.chunk.size`, size, 1);
    if (left !== Number.POSITIVE_INFINITY) checkInteger(`${label}.chunk.left`, left, 0);
    if (right !== Number.POSITIVE_INFINITY) checkInteger(`${label}.chunk.right`, right, 0);
  } else if ("allowed" in mask) {
    if (!(mask.allowed instanceof Uint8Array)) throw wrongKind(`${label}.allowed`, "a Uint8Array", mask.allowed);
    const other = mask.allowed.findIndex((value) => value > 1);
    if (other >= 0) {
      throw new RangeError(`"${label}.allowed": expected 0 or 1, got ${mask.allowed[other]} at index ${other}`);
    }
  } else if ("all" in mask) {
    if (!Array.isArray(mask.all)) throw wrongKind(`${label}.all`, "an array of masks", mask.all);
    for (const [index, part] of mask.all.entries()) checkMask(`${label}.all[${index}]`, part);
  } else throw wrongKind(label, kinds, mask);
}

/** The mask over n tokens; RangeError where its own size is not n·n. */
export function resolveMask(mask: Mask, n: number): ResolvedMask {
  const lo = new Int32Array(n);
  const hi = new Int32Array(n).fill(n);
  const allowed = narrow(mask, n, n, lo, hi, undefined);
  return { n, lo, hi, allowed };
}

/**
 * The mask of n queries over `keys` keys, as one over `total` tokens of which the queries are the first and the keys
 * those from `start` on.
 */
export function resolveCrossMask(mask: Mask, n: number, keys: number, start: number, total: number): ResolvedMask {
  const lo = new Int32Array(total);
  const hi = new Int32Array(total);
  hi.fill(keys, 0, n);
  const own = narrow(mask, n, keys, lo, hi, undefined);
  for (let i = 0; i < n; i++) {
    lo[i] += start;
    hi[i] += start;
  }
  if (!own) return { n: total, lo, hi };
  const allowed = new Uint8Array(total * total);
  for (let i = 0; i < n; i++) allowed.set(own.subarray(i * keys, (i + 1) * keys), i * total + start);
  return { n: total, lo, hi, allowed };
}

function narrow(
  mask: Mask,
  n: number,
  keys: number,
  lo: Int32Array,
  hi: Int32Array,
  allowed: Uint8Array | undefined,
): Uint8Array | undefined {
  const keep = (i: number, from: number, to: number) => {
    lo[i] = Math.min(Math.max(lo[i], from), keys);
    hi[i] = Math.max(Math.min(hi[i], to), lo[i]);
  };
  if (mask === "none") return allowed;
  if (mask === "causal") {
    for (let i = 0; i < n; i++) keep(i, 0, i + 1);
  } else if ("window" in mask) {
    for (let i = 0; i < n; i++) keep(i, i - mask.window.left, i + mask.window.right + 1);
  } else if ("chunk" in mask) {
    const { size, left = 0, right = 0 } = mask.chunk;
    for (let i = 0; i < n; i++) {
      const chunk = Math.floor(i / size);
      keep(i, (chunk - left) * size, (chunk + right + 1) * size);
    }
  } else if ("allowed" in mask) {
    if (mask.allowed.length !== n * keys) {
      const size = keys === n ? `n·n = ${n * n} entries for n = ${n} tokens` : `${n}·${keys} entries`;
      throw new RangeError(`"mask.allowed": expected ${size}, got ${mask.allowed.length}`);
    }
    if (!allowed) return Uint8Array.from(mask.allowed);
    for (let at = 0; at < allowed.length; at++) allowed[at] &= mask.allowed[at];
  } else {
    for (const part of mask.all) allowed = narrow(part, n, keys, lo, hi, allowed);
  }
  return allowed;
}

/** 1 for every key that some query may attend to, else 0. */
export function seenKeys(mask: ResolvedMask): Uint8Array {
  const { n, lo, hi, allowed } = mask;
  const seen = new Uint8Array(n);
  if (allowed) {
    for (let i = 0; i < n; i++) for (let j = lo[i]; j < hi[i]; j++) seen[j] |= allowed[i * n + j];
    return seen;
  }
  const steps = new Int32Array(n + 1);
  for (let i = 0; i < n; i++) {
    steps[lo[i]]++;
    steps[hi[i]]--;
  }
  for (let j = 0, covered = 0; j < n; j++) {
    covered += steps[j];
    seen[j] = covered > 0 ? 1 : 0;
  }
  return seen;
}

/** Whether query i may attend to key j. */
export function mayAttend(mask: ResolvedMask, i: number, j: number): boolean {
  return j >= mask.lo[i] && j < mask.hi[i] && (mask.allowed === undefined || mask.allowed[i * mask.n + j] === 1);
}
