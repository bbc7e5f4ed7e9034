// Certified upper bounds on the largest singular value of attention's Jacobian at X (MATH 8.2, 8.3), in doubles.
import { turn } from "../base/turn.js";
import { type HostPrimal, queryCovariance } from "../layers/attention/hostPrimal.js";
import { largestEigenvalueAbove } from "../linalg/cholesky.js";
import { collatzWielandt } from "../linalg/collatzWielandt.js";
import { product } from "../linalg/dense.js";
import { congruence, normAbove, transposed } from "../linalg/gram.js";
import { hostWorkspace } from "../linalg/workspace.js";
import { diameter, type HeadTerms, headTerms } from "./headTerms.js";
import { roundWork, schurBound } from "./schur.js";
import { softmaxBounds } from "./softmaxBounds.js";
import { type WeightNorms, weightNorms } from "./weightNorms.js";

/** What `upperBound` of a linearization returns: certified bounds of sigma at its input (MATH 8.3). */
export interface LocalBounds {
  /** The smallest of the bounds of sigma. */
  readonly value: number;
  /**
   * By their names in docs/theory.md, section 8: U_schur is the sharpest, yudin and nair are the literature's and far
   * looser; T1, T2 (or T2_fast) and T3 bound the parts of J = T1 + T2 + T3.
   */
  readonly bounds: Record<string, number>;
  /** Names of the bounds that were not computed: they would take seconds each, and U_schur is below all of them. */
  readonly leftOut: string[];
}

/** Multiply-adds that one family of eigenvalue problems may take in plain loops: some two seconds. */
const MOST_WORK = 2.5e9;
/** For which plain loops will do. */
const LITTLE_WORK = 1e7;
/** Bounds of a part of J alone. */
const PARTS = ["T1", "T2", "T2_fast", "T3"];
/** Above the rounding of what is only evaluated in doubles, and not certified digit by digit. */
const INFLATION = 1 + 1e-10;
/** Tokens for which signed n×n norms are solved exactly; above, the norm of the absolute values stands for them. */
const EXACT_TOKENS = 256;

/** What a layer's weights alone decide is computed once a layer, which `layer` stands for. */
const weightsOf = new WeakMap<object, WeightNorms>();

export async function upperBound(primal: HostPrimal, layer: object): Promise<LocalBounds> {
  const { n, spec } = primal;
  const { dHead, dOut, dValue } = spec;
  const count = primal.heads.length;
  const width = count * Math.max(dHead, dValue);
  const m = Math.min(dOut, count * dValue);
  let weights = weightsOf.get(layer);
  if (!weights) {
    weights = weightNorms(primal, 6 * width ** 3 <= MOST_WORK);
    weightsOf.set(layer, weights);
  }
  const slopes = primal.plain ? 0 : dHead ** 2 + dHead * dValue;
  const byHead = n * n * count * (dValue ** 2 + slopes) + 8 * n * count * dValue ** 3 <= MOST_WORK;
  const byToken = byHead && weights.wide !== undefined && n * 6 * Math.max(m, width) ** 3 <= MOST_WORK;
  const terms: HeadTerms[] = [];
  for (const [h, head] of primal.heads.entries()) {
    terms.push(headTerms(primal, head, weights.heads[h], byHead));
    await turn();
  }
  const tokens = byToken ? await tokenTerms(primal, terms, weights.wide as Wide) : undefined;
  const work = roundWork(primal);
  const space = work <= LITTLE_WORK ? hostWorkspace() : await (await import("../device/wasm/workspace.js")).workspace();
  const sizes = blockSizes(primal, weights, terms, tokens);
  const rounds = Math.floor(space.mostWork / Math.max(1, work));
  const schur = rounds > 0 ? await schurBound(primal, space, sizes, weights.output, rounds) : undefined;
  const bounds: Record<string, number> = {
    ...(schur === undefined ? {} : { U_schur: schur }),
    ...combine(primal, weights, terms, tokens),
    U_block: collatzWielandt(sizes, n),
    ...(primal.plain ? softmaxBounds(primal, weights) : {}),
  };
  // What overflows on the way bounds nothing.
  for (const [name, bound] of Object.entries(bounds)) {
    bounds[name] = Number.isNaN(bound) ? Number.POSITIVE_INFINITY : bound * INFLATION;
  }
  const whole = Object.entries(bounds).filter(([name]) => !PARTS.includes(name));
  return {
    value: Math.min(...whole.map(([, bound]) => bound)),
    bounds,
    leftOut: [
      ...(schur === undefined ? ["U_schur"] : []),
      ...(byHead ? [] : ["U_rowcs", "U_concat"]),
      ...(byToken ? [] : ["T2", "U_joint"]),
    ],
  };
}

type Wide = NonNullable<WeightNorms["wide"]>;

/** Of all heads together, by output token: λ(Σ_h F_i), λ(Σ_h Cov′_i), and ‖Σ_h W_Q C_i W_O‖. */
interface TokenTerms {
  readonly joint: Float64Array;
  readonly covariance: Float64Array;
  readonly query: Float64Array;
}

async function tokenTerms(primal: HostPrimal, terms: HeadTerms[], { r, m, queryFactor }: Wide): Promise<TokenTerms> {
  const { n, heads } = primal;
  const { dHead, dValue } = primal.spec;
  const queries = heads.length * dHead;
  const queryRows = transposed(queryFactor, queries, queries);
  const rows = (h: number) => r.subarray(h * dValue * m, (h + 1) * dValue * m);
  const largest = (matrices: (h: number) => Float64Array) => {
    const sum = new Float64Array(m * m);
    for (const h of heads.keys()) add(sum, congruence(matrices(h), rows(h), dValue, m));
    return largestEigenvalueAbove(sum, m);
  };
  const result = { joint: new Float64Array(n), covariance: new Float64Array(n), query: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    result.joint[i] = largest((h) => (terms[h].eigen as NonNullable<HeadTerms["eigen"]>).joints[i]);
    result.covariance[i] = largest((h) => (terms[h].eigen as NonNullable<HeadTerms["eigen"]>).covariances[i]);
    const stacked = new Float64Array(queries * m);
    for (const [h, head] of heads.entries()) {
      stacked.set(product(queryCovariance(primal, head, i), rows(h), dHead, dValue, m), h * dHead * m);
    }
    result.query[i] = normAbove(product(queryRows, stacked, queries, queries, m), queries, m);
    await turn();
  }
  return result;
}

/** ‖W_Q‖‖W_O‖ times the largest √(tr Cov·tr Cov) of a head: above ‖Σ_h W_Q C_i W_O‖, by token. */
function fastQueries({ n }: HostPrimal, weights: WeightNorms, terms: readonly HeadTerms[]): Float64Array {
  const factor = weights.output * weights.query;
  return Float64Array.from({ length: n }, (_, i) => factor * Math.max(...terms.map(({ queryFast }) => queryFast[i])));
}

/** [n, n], above the norm of each block: Σ_h P_ij(‖M_h‖ + |ξ′_ij||g_ij|), and the queries' part on the diagonal. */
function blockSizes(
  primal: HostPrimal,
  weights: WeightNorms,
  terms: readonly HeadTerms[],
  tokens: TokenTerms | undefined,
): Float64Array {
  const { n, heads } = primal;
  const sizes = new Float64Array(n * n);
  for (const [h, { p }] of heads.entries()) {
    for (let at = 0; at < sizes.length; at++) sizes[at] += p[at] * weights.heads[h].map + terms[h].influence[at];
  }
  const query = tokens?.query ?? fastQueries(primal, weights, terms);
  for (let i = 0; i < n; i++) sizes[i * n + i] += query[i];
  return sizes;
}

function combine(
  primal: HostPrimal,
  weights: WeightNorms,
  terms: readonly HeadTerms[],
  tokens: TokenTerms | undefined,
): Record<string, number> {
  const { n, heads, plain } = primal;
  const patterns = new Float64Array(n * n);
  for (const { p } of heads) add(patterns, p);
  /** √(max_j Σ_i Σ_h P^h_ij λ_i). */
  const jointly = (values: ArrayLike<number>) => Math.sqrt(largestColumn(n, patterns, values));
  const sumOf = (part: (h: number) => number) => heads.reduce((sum, _, h) => sum + part(h), 0);
  /** √(max_j Σ_h Σ_i P^h_ij λ^h_i). */
  const concatenated = (values: (h: number) => ArrayLike<number>) => {
    const columns = new Float64Array(n);
    for (const [h, { p }] of heads.entries()) add(columns, columnSums(n, p, values(h)));
    return weights.output * Math.sqrt(columns.reduce((most, sum) => Math.max(most, sum), 0));
  };
  const total = (values: (h: number) => Float64Array) => {
    const sum = new Float64Array(n);
    for (const h of heads.keys()) add(sum, values(h));
    return sum;
  };

  const fast = fastQueries(primal, weights, terms);
  const query = tokens?.query ?? fast;
  const largestQuery = query.reduce((most, value) => Math.max(most, value), 0);
  const largestFast = fast.reduce((most, value) => Math.max(most, value), 0);
  const patternPart = patternBound(primal, weights, patterns);
  const traces = total((h) => terms[h].traceOutput);
  const fastInfluence = Math.min(
    concatenated((h) => terms[h].traceValue),
    jointly(traces),
  );
  const influencePart = Math.min(
    fastInfluence,
    sumOf((h) => {
      const whole = collatzWielandt(terms[h].influence, n);
      const { eigen } = terms[h];
      return eigen ? Math.min(whole, Math.sqrt(largestColumn(n, heads[h].p, eigen.covarianceOutput))) : whole;
    }),
    ...(tokens ? [jointly(tokens.covariance)] : []),
    ...(terms[0].eigen ? [concatenated((h) => eigenOf(terms[h]).covariance)] : []),
  );

  // Where slopes differ between keys the cross terms do not vanish: (|M| + √tr)² bounds what |M|² + tr bounds without.
  const added = (map: number, trace: number) => (plain ? map * map + trace : (map + Math.sqrt(trace)) ** 2);
  const fastWhole = Math.min(
    jointly(traces.map((trace) => added(weights.stack, trace))),
    concatenated((h) => terms[h].traceValue.map((trace) => added(weights.heads[h].value, trace))),
    patternPart + fastInfluence,
  );
  return {
    T1: patternPart,
    ...(tokens ? { T2: largestQuery } : {}),
    T3: influencePart,
    T2_fast: largestFast,
    U_split: patternPart + influencePart + largestQuery,
    ...(terms[0].eigen
      ? {
          U_rowcs: sumOf((h) => Math.sqrt(largestColumn(n, heads[h].p, eigenOf(terms[h]).jointOutput))) + largestQuery,
          U_concat: concatenated((h) => eigenOf(terms[h]).joint) + largestQuery,
        }
      : {}),
    ...(tokens ? { U_joint: jointly(tokens.joint) + largestQuery } : {}),
    U_fast: fastWhole + largestFast,
    ...(plain ? { aposteriori_repaired: repaired(primal, weights, terms) } : {}),
  };
}

function eigenOf({ eigen }: HeadTerms): NonNullable<HeadTerms["eigen"]> {
  return eigen as NonNullable<HeadTerms["eigen"]>;
}

/** T1: min(Σ_h ‖P_h‖‖M_h‖, ‖P̄‖‖ΣM_h‖ + Σ_h ‖P_h − P̄‖‖M_h‖), with the mean pattern P̄. */
function patternBound({ n, heads }: HostPrimal, weights: WeightNorms, patterns: Float64Array): number {
  const mean = patterns.map((sum) => sum / heads.length);
  let apart = 0;
  let together = collatzWielandt(mean, n) * weights.sum;
  for (const [h, { p }] of heads.entries()) {
    const difference = p.map((value, at) => value - mean[at]);
    const map = weights.heads[h].map;
    apart += collatzWielandt(p, n) * map;
    const norm = n <= EXACT_TOKENS ? normAbove(difference, n, n) : collatzWielandt(difference.map(Math.abs), n);
    together += norm * map;
  }
  return Math.min(apart, together);
}

/** MATH 8.2: Σ_h ‖M_h‖ (r r_A/4 + √n √(1 + r²R_h²/4)) with the tokens' diameter r. */
function repaired({ n, x, spec, heads }: HostPrimal, weights: WeightNorms, terms: readonly HeadTerms[]): number {
  const r = diameter(x, n, spec.dIn);
  return heads.reduce((sum, _, h) => {
    const { largestSlope, queryDiameter } = terms[h];
    const patterns = Math.sqrt(n) * Math.hypot(1, (r * largestSlope) / 2);
    return sum + weights.heads[h].map * ((r * queryDiameter) / 4 + patterns);
  }, 0);
}

/** Σ_i P_ij λ_i for every j. */
function columnSums(n: number, p: Float64Array, values: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sums[j] += p[i * n + j] * values[i];
  return sums;
}

function largestColumn(n: number, p: Float64Array, values: ArrayLike<number>): number {
  return columnSums(n, p, values).reduce((most, sum) => Math.max(most, sum), 0);
}

function add(to: Float64Array, from: ArrayLike<number>): void {
  for (let at = 0; at < to.length; at++) to[at] += from[at];
}
