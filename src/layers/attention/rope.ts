// Rotary positions: which pairs of a head's channels turn, and by how much a position.
import { checkInteger, checkKeys, checkNumber, wrongKind } from "../../base/check.js";
import type { RealArray } from "../../base/tensor.js";

/**
 * Pair c turns by position·base^(−c/pairs), or by position·frequencies[c]. Pairs are (c, c + number of pairs), or
 * neighbours (2c, 2c + 1) with `interleaved`; channels past the last pair are left as they are.
 */
export type Rope =
  | { base: number; pairs?: number; interleaved?: boolean }
  | { frequencies: readonly number[]; interleaved?: boolean };

export interface ResolvedRope {
  readonly frequencies: Float64Array;
  readonly interleaved: boolean;
}

/** @throws TypeError for a wrong kind, RangeError where the pairs do not fit into a head */
export function resolveRope(rope: Rope, dHead: number): ResolvedRope {
  const { interleaved = false } = rope;
  if ("frequencies" in rope) {
    checkKeys("spec.rope", rope, ["frequencies", "interleaved"]);
    checkInterleaved(interleaved);
    const { frequencies } = rope;
    if (!Array.isArray(frequencies)) throw wrongKind("spec.rope.frequencies", "an array of numbers", frequencies);
    if (frequencies.length === 0 || 2 * frequencies.length > dHead) {
      throw new RangeError(
        `"spec.rope.frequencies": expected 1 to ${Math.floor(dHead / 2)} pairs for dHead = ${dHead}, got ${frequencies.length}`,
      );
    }
    const angles = Float64Array.from(frequencies, (value, c) => checkNumber(`spec.rope.frequencies[${c}]`, value));
    return { frequencies: angles, interleaved };
  }
  checkKeys("spec.rope", rope, ["base", "pairs", "interleaved", "frequencies"]);
  checkInterleaved(interleaved);
  const base = checkNumber("spec.rope.base", rope.base, 0);
  if (rope.pairs === undefined && dHead % 2 !== 0) {
    throw new RangeError(`"spec.rope": expected an even dHead, got ${dHead}`);
  }
  const pairs = checkInteger("spec.rope.pairs", rope.pairs ?? dHead / 2, 1, Math.floor(dHead / 2));
  return { frequencies: Float64Array.from({ length: pairs }, (_, c) => base ** (-c / pairs)), interleaved };
}

function checkInterleaved(interleaved: unknown): void {
  if (typeof interleaved !== "boolean") throw wrongKind("spec.rope.interleaved", "true or false", interleaved);
}

/**
 * Rows of numbers a channel, `heads` heads of dHead channels each, with the neighbours (2c, 2c + 1) of every head brought
 * to (c, c + pairs): done to queries and keys alike, this changes no score.
 */
export function sideBySide(rows: RealArray, heads: number, dHead: number, pairs: number): RealArray {
  const width = heads * dHead;
  const turned = rows.slice();
  for (let row = 0; row < rows.length; row += width) {
    for (let head = row; head < row + width; head += dHead) {
      for (let c = 0; c < pairs; c++) {
        turned[head + c] = rows[head + 2 * c];
        turned[head + pairs + c] = rows[head + 2 * c + 1];
      }
    }
  }
  return turned;
}
