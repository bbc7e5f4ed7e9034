// What is added to the scores, constant in the input: by distance (ALiBi, T5's learned table), or a matrix.
import { checkInteger, checkKeys, checkNumber, checkTensor, wrongKind } from "../../base/check.js";
import type { RealArray, TensorLike } from "../../base/tensor.js";

export type ScoreBias =
  /** −slope_h·|i − j|; true: the slopes of ALiBi (Press et al. 2022), 2^(−8(h + 1)/heads) for a power of two of heads. */
  | { alibi: true | readonly number[] }
  /** T5: table [buckets, heads] by the bucket of j − i, log-spaced beyond half of them, up to `maxDistance`. */
  | { table: TensorLike; maxDistance: number; bidirectional: boolean }
  /** [heads, n, n], or [1, n, n] for all heads; n is checked when x is given. */
  | { matrix: TensorLike };

export type ResolvedBias =
  | { readonly slopes: Float64Array }
  | {
      readonly table: RealArray;
      readonly buckets: number;
      readonly columns: number;
      readonly maxDistance: number;
      readonly bidirectional: boolean;
    }
  | { readonly matrix: RealArray; readonly heads: number; readonly n: number };

/** @throws TypeError for a wrong kind, RangeError for shapes that do not fit `heads` */
export function resolveBias(label: string, bias: unknown, heads: number): ResolvedBias {
  checkKeys(label, bias, ["alibi", "table", "maxDistance", "bidirectional", "matrix"]);
  const given = bias as Record<string, unknown>;
  const kinds = ["alibi", "table", "matrix"].filter((kind) => given[kind] !== undefined);
  if (kinds.length !== 1) throw wrongKind(label, "one of { alibi }, { table, … } or { matrix }", bias);
  const [kind] = kinds;
  if (kind !== "table") checkKeys(label, bias, [kind]);
  if (kind === "alibi") return { slopes: slopesOf(`${label}.alibi`, given.alibi, heads) };
  if (kind === "matrix") {
    const { data, shape } = checkTensor(`${label}.matrix`, given.matrix, [-1, -1, -1]);
    if ((shape[0] !== 1 && shape[0] !== heads) || shape[1] !== shape[2]) {
      throw new RangeError(`"${label}.matrix": expected [${heads} or 1, n, n], got [${shape.join(", ")}]`);
    }
    return { matrix: data, heads: shape[0], n: shape[1] };
  }
  const { data, shape } = checkTensor(`${label}.table`, given.table, [-1, heads]);
  const maxDistance = checkInteger(`${label}.maxDistance`, given.maxDistance, 1);
  const { bidirectional } = given;
  if (typeof bidirectional !== "boolean") throw wrongKind(`${label}.bidirectional`, "true or false", bidirectional);
  const exact = Math.floor((bidirectional ? Math.floor(shape[0] / 2) : shape[0]) / 2);
  if (exact < 1) {
    throw new RangeError(`"${label}.table": expected at least ${bidirectional ? 4 : 2} buckets, got ${shape[0]}`);
  }
  if (maxDistance <= exact) {
    throw new RangeError(
      `"${label}.maxDistance": expected more than ${exact}, half of the buckets, got ${maxDistance}`,
    );
  }
  return { table: data, buckets: shape[0], columns: heads, maxDistance, bidirectional };
}

/** The bias of one head alone. */
export function biasOfHead(bias: ResolvedBias, head: number): ResolvedBias {
  if ("slopes" in bias) return { slopes: bias.slopes.slice(head, head + 1) };
  if ("table" in bias) {
    const { table, buckets, columns } = bias;
    return { ...bias, columns: 1, table: Float64Array.from({ length: buckets }, (_, b) => table[b * columns + head]) };
  }
  const { matrix, n, heads } = bias;
  if (heads === 1) return bias;
  return { matrix: matrix.slice(head * n * n, (head + 1) * n * n), n, heads: 1 };
}

/**
 * What is added to the scores of n tokens: by distance [heads, 2n − 1], the entry of (i, j) at n − 1 + i − j; or the matrix.
 * @throws RangeError where a matrix is of another size
 */
export function biasAt(
  bias: ResolvedBias,
  n: number,
): { byDistance: Float64Array } | { matrix: RealArray; heads: number } {
  if ("matrix" in bias) {
    if (bias.n !== n)
      throw new RangeError(`"bias.matrix": expected [heads or 1, ${n}, ${n}] for n = ${n} tokens, got n = ${bias.n}`);
    return { matrix: bias.matrix, heads: bias.heads };
  }
  const heads = "slopes" in bias ? bias.slopes.length : bias.columns;
  const byDistance = new Float64Array(heads * (2 * n - 1));
  for (let ahead = 1 - n; ahead < n; ahead++) {
    for (let h = 0; h < heads; h++) {
      const value =
        "slopes" in bias ? -bias.slopes[h] * Math.abs(ahead) : bias.table[bucketOf(bias, -ahead) * heads + h];
      byDistance[h * (2 * n - 1) + n - 1 + ahead] = value;
    }
  }
  return { byDistance };
}

/** T5's bucket of j − i, with the logarithm in f32 as transformers takes it. */
function bucketOf(
  { buckets, maxDistance, bidirectional }: { buckets: number; maxDistance: number; bidirectional: boolean },
  distance: number,
): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const first = bidirectional && distance > 0 ? count : 0;
  const far = bidirectional ? Math.abs(distance) : Math.max(-distance, 0);
  const exact = Math.floor(count / 2);
  if (far < exact) return first + far;
  const { fround } = Math;
  const share = fround(fround(Math.log(fround(far / exact))) / fround(Math.log(maxDistance / exact)));
  return first + Math.min(count - 1, exact + Math.trunc(fround(share * (count - exact))));
}

function slopesOf(label: string, alibi: unknown, heads: number): Float64Array {
  if (alibi === true) return Float64Array.from(alibiSlopes(heads));
  if (!Array.isArray(alibi)) throw wrongKind(label, `true, or an array of ${heads} slopes`, alibi);
  if (alibi.length !== heads) throw new RangeError(`"${label}": expected ${heads} slopes, got ${alibi.length}`);
  return Float64Array.from(alibi, (slope, h) => checkNumber(`${label}[${h}]`, slope));
}

/** The slopes of the largest power of two of heads, then every second one of twice as many. */
function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const geometric = (count: number) => Array.from({ length: count }, (_, h) => 2 ** ((-8 * (h + 1)) / count));
  if (power === heads) return geometric(heads);
  const more = geometric(2 * power).filter((_, h) => h % 2 === 0);
  return [...geometric(power), ...more.slice(0, heads - power)];
}
