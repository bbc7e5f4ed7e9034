// Rotary positions: which pairs of a head's channels turn, and by how much a position.
import { checkInteger, checkKeys, checkNumber, checkTensor, wrongKind } from "../../base/check.js";
import type { RealArray, TensorLike } from "../../base/tensor.js";

/**
 * Pair c turns by position·base^(−c/pairs), or by position·frequencies[c]. Pairs are (c, c + number of pairs), or
 * neighbours (2c, 2c + 1) with `interleaved`; channels past the last pair are left as they are.
 */
export type Rope =
  | { base: number; pairs?: number; interleaved?: boolean }
  | { frequencies: readonly number[]; interleaved?: boolean }
  /** The angles themselves, [n, pairs]; n is checked when x is given. */
  | { angles: TensorLike; interleaved?: boolean };

export interface ResolvedRope {
  readonly turns: { readonly frequencies: Float64Array } | { readonly angles: Angles };
  readonly pairs: number;
  readonly interleaved: boolean;
}

/** Angles of n tokens, [n, pairs]. */
export interface Angles {
  readonly data: RealArray;
  readonly n: number;
  readonly pairs: number;
}

/** @throws TypeError for a wrong kind, RangeError where the pairs do not fit into a head */
export function resolveRope(rope: Rope, dHead: number): ResolvedRope {
  const { interleaved = false } = rope;
  if ("angles" in rope) {
    checkKeys("spec.rope", rope, ["angles", "interleaved"]);
    checkInterleaved(interleaved);
    const { data, shape } = checkTensor("spec.rope.angles", rope.angles, [-1, -1]);
    const [n, pairs] = shape;
    if (2 * pairs > dHead) {
      throw new RangeError(
        `"spec.rope.angles": expected at most ${Math.floor(dHead / 2)} pairs for dHead = ${dHead}, got ${pairs}`,
      );
    }
    return { turns: { angles: { data, n, pairs } }, pairs, interleaved };
  }
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
    return { turns: { frequencies: angles }, pairs: angles.length, interleaved };
  }
  checkKeys("spec.rope", rope, ["base", "pairs", "interleaved", "frequencies", "angles"]);
  checkInterleaved(interleaved);
  const base = checkNumber("spec.rope.base", rope.base, 0);
  if (rope.pairs === undefined && dHead % 2 !== 0) {
    throw new RangeError(`"spec.rope": expected an even dHead, got ${dHead}`);
  }
  const pairs = checkInteger("spec.rope.pairs", rope.pairs ?? dHead / 2, 1, Math.floor(dHead / 2));
  const frequencies = Float64Array.from({ length: pairs }, (_, c) => base ** (-c / pairs));
  return { turns: { frequencies }, pairs, interleaved };
}

/**
 * The angles of tokens at these positions, [positions, pairs].
 * @throws RangeError where angles were given for fewer tokens
 */
export function anglesAt(
  { frequencies, angles }: { readonly frequencies?: Float64Array; readonly angles?: Angles },
  positions: ArrayLike<number>,
): { data: Float64Array; pairs: number } | undefined {
  const pairs = frequencies?.length ?? angles?.pairs;
  if (pairs === undefined) return undefined;
  const data = new Float64Array(positions.length * pairs);
  for (let at = 0; at < data.length; at++) {
    const position = positions[Math.floor(at / pairs)];
    const c = at % pairs;
    if (angles && position >= angles.n) {
      throw new RangeError(
        `"rope.angles": expected angles of ${position + 1} tokens or more, got those of ${angles.n}`,
      );
    }
    data[at] = frequencies ? position * frequencies[c] : (angles?.data[position * pairs + c] ?? 0);
  }
  return { data, pairs };
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
