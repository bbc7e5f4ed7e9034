// castin-adversarial: inputs at which sigma grows like √n (Castin, Ablin and Peyré 2024, experiments).
import { twoPoint } from "../adversarial/twoPoint.js";
import { throwIfAborted } from "../base/check.js";
import { formatFixed, formatShort } from "../base/numbers.js";
import { deriveSeed } from "../base/random.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import { bounds } from "../bounds/index.js";
import type { Curve } from "../charts/curves.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import { identity } from "../linalg/matrix.js";
import type { Runtime } from "../measure/createRuntime.js";
import { localLipschitz } from "../measure/localLipschitz.js";
import { type Comparison, type Figure, type FigureSettings, sameDigits, withinSpread } from "./figure.js";
import { randomLayer } from "./randomLayer.js";
import { exponentOf, mean } from "./statistics.js";

interface Row {
  n: number;
  sample: number;
  slice: "columns" | "rows";
  sigma: number;
}

interface CleanRow {
  radius: number;
  n: number;
  sigma: number;
  lower: number;
}

const slices = ["columns", "rows"] as const;
/** Of every token. */
const radius = 100;
/** Of the clean case; at the smaller one the growth is not yet that of √n. */
const cleanRadii = [3, 2] as const;

/** @param runtime f64 for the digits that are compared */
export async function castinAdversarial(
  runtime: Runtime,
  { seed = 0, quick = false, signal, onProgress }: FigureSettings,
): Promise<Figure> {
  const width = quick ? 48 : 768;
  const heads = quick ? 4 : 12;
  const lengths = quick ? [2, 6, 12] : [2, 21, 40, 59, 78, 97];
  const samples = quick ? 2 : 6;
  const cleanLengths = quick ? [2, 4, 8, 16, 32] : [2, 4, 8, 16, 32, 64, 128, 256, 400];
  const clean: CleanRow[] = [];
  for (const cleanRadius of cleanRadii) clean.push(...(await cleanCase(runtime, cleanRadius, cleanLengths)));
  const rows: Row[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const own = deriveSeed(seed, "castin-adversarial", sample);
    const spec = randomLayer({
      width,
      heads,
      std: 0.02,
      outputStd: 0.02 / Math.sqrt(24),
      mask: "causal",
      seed: own,
    });
    const layer = runtime.attention(spec);
    try {
      for (const n of lengths) {
        for (const slice of slices) {
          throwIfAborted(signal);
          const x = adversarialInput(spec, slice, n);
          rows.push({ n, sample, slice, sigma: (await localLipschitz(layer, x, { rtol: 1e-5, signal })).sigma });
        }
        const done = sample + (lengths.indexOf(n) + 1) / lengths.length;
        onProgress?.({ fraction: done / samples, label: `seed ${sample}, n ${n}` });
      }
    } finally {
      layer.dispose();
    }
  }
  return {
    name: "castin-adversarial",
    title: "Inputs at which attention is least smooth",
    settings: { seed, width, heads, radius, lengths, samples, "standard deviation of c_proj": "0.02/√24", quick },
    tables: [
      {
        title: "A whole layer of GPT-2 at initialisation, at the two-token input of its head 0",
        columns: ["n", "seed", "slice", "sigma", "sigma/√n"],
        rows: rows.map(({ n, sample, slice, sigma }) => [n, sample, slice, sigma, sigma / Math.sqrt(n)]),
      },
      {
        title: "A = −I, V = I in two dimensions",
        columns: ["R", "n", "sigma", "lower bound of the paper"],
        rows: clean.map(({ radius, n, sigma, lower }) => [radius, n, sigma, lower]),
      },
    ],
    panels: [
      ...slices.map((slice) => ({
        title: slice === "columns" ? "Head 0 by columns, as it is" : "Head 0 by rows, as in the code",
        xLabel: "tokens n",
        yLabel: "σ/√n",
        xScale: "linear" as const,
        yScale: "linear" as const,
        curves: curvesOf(
          rows.filter((row) => row.slice === slice),
          samples,
        ),
      })),
      {
        title: "A = −I, V = I in two dimensions",
        xLabel: "tokens n",
        yLabel: "σ",
        xScale: "log",
        yScale: "log",
        curves: [
          ...cleanRadii.map((radius, at) => ({
            name: `σ, R = ${radius}`,
            look: at + 1,
            points: ofRadius(clean, radius).map(({ n, sigma }) => ({ x: n, y: sigma })),
          })),
          {
            name: "√n",
            look: "reference",
            dashed: true,
            points: cleanLengths.map((n) => ({ x: n, y: Math.sqrt(n) })),
          },
        ],
      },
    ],
    comparisons: quick ? [] : comparisonsOf(rows, clean),
    paragraphs: paragraphsOf(rows, clean, lengths, quick),
  };
}

/** The paper's configuration, along an eigenvector of head 0's A. */
function adversarialInput({ query, key, heads }: AttentionSpec, slice: "columns" | "rows", n: number): Tensor {
  const maps = { query: query.weight, key: key!.weight };
  if (slice === "columns") return twoPoint({ ...maps, heads, n, radius, mask: "causal", method: "eigenpair" }).x;
  const [q, k] = [rowsTransposed(maps.query, heads), rowsTransposed(maps.key, heads)];
  return twoPoint({ query: q, key: k, n, radius, mask: "causal", method: "eigenpair" }).x;
}

/** The first dHead rows of a square map in place of its columns. */
function rowsTransposed({ data }: TensorLike, heads: number): Tensor {
  const width = Math.sqrt(data.length);
  const dHead = width / heads;
  const turned = new Float64Array(width * dHead);
  for (let r = 0; r < dHead; r++) for (let c = 0; c < width; c++) turned[c * dHead + r] = data[r * width + c];
  return tensor(turned, [width, dHead]);
}

async function cleanCase(runtime: Runtime, radius: number, lengths: readonly number[]): Promise<CleanRow[]> {
  const eye = tensor(identity(2).data, [2, 2]);
  const minus = tensor(
    eye.data.map((entry) => 0 - entry),
    [2, 2],
  );
  const layer = runtime.attention({
    heads: 1,
    query: { weight: eye },
    key: { weight: minus },
    value: { weight: eye },
    scale: 1,
  });
  const rows: CleanRow[] = [];
  try {
    for (const n of lengths) {
      const { x } = twoPoint({
        query: eye,
        key: minus,
        value: eye,
        scale: 1,
        n,
        radius,
        method: "eigenpair",
      });
      const { sigma } = await localLipschitz(layer, x);
      const { castin } = bounds.lower({ n, radius, A: minus, V: eye });
      rows.push({ radius, n, sigma, lower: castin!.value });
    }
  } finally {
    layer.dispose();
  }
  return rows;
}

function curvesOf(rows: readonly Row[], samples: number): Curve[] {
  const perRoot = ({ n, sigma }: Row) => ({ x: n, y: sigma / Math.sqrt(n) });
  const seeds = Array.from(
    { length: samples },
    (_, sample): Curve => ({
      name: "one seed",
      look: "reference",
      points: rows.filter((row) => row.sample === sample).map(perRoot),
    }),
  );
  const lengths = [...new Set(rows.map(({ n }) => n))];
  const points = lengths.map((n) => ({
    x: n,
    y: mean(
      rows
        .filter((row) => row.n === n)
        .map(perRoot)
        .map(({ y }) => y),
    ),
  }));
  return [...seeds, { name: "mean of the seeds", look: 0, points }];
}

function lastPerRoot(rows: readonly Row[], slice: Row["slice"]): number[] {
  const longest = Math.max(...rows.map(({ n }) => n));
  return rows.filter((row) => row.slice === slice && row.n === longest).map(({ n, sigma }) => sigma / Math.sqrt(n));
}

function comparisonsOf(rows: readonly Row[], clean: readonly CleanRow[]): Comparison[] {
  const table = [1, 1.73, 2.65, 3.87, 5.57, 7.94, 11.27, 15.97, 19.98];
  return [
    withinSpread(
      "columns, mean of sigma/√n at n = 97",
      mean(lastPerRoot(rows, "columns")),
      [0.64, 1.19],
      "the range of six other seeds of ours",
    ),
    withinSpread(
      "rows, mean of sigma/√n at n = 97",
      mean(lastPerRoot(rows, "rows")),
      [0.06, 1.02],
      "the range of six other seeds of ours",
    ),
    ...ofRadius(clean, 3).map(({ n, sigma }, at) =>
      sameDigits(`A = −I, R = 3: sigma at n = ${n}`, sigma, table[at], "our NumPy reference"),
    ),
    sameDigits("A = −I, R = 3: exponent over n ≥ 8", cleanExponent(clean, 3), 0.515, "our NumPy reference"),
    sameDigits(
      "A = −I, R = 3: lower bound of the paper/sigma at n = 400",
      lastRatio(clean, 3),
      1,
      "our NumPy reference",
    ),
    sameDigits("A = −I, R = 2: exponent over n ≥ 8", cleanExponent(clean, 2), 0.65, "our NumPy reference", 2),
    sameDigits(
      "A = −I, R = 2: lower bound of the paper/sigma at n = 400",
      lastRatio(clean, 2),
      0.51,
      "our NumPy reference",
      2,
    ),
  ];
}

function ofRadius(rows: readonly CleanRow[], radius: number): CleanRow[] {
  return rows.filter((row) => row.radius === radius);
}

/** √(n − 1) is no power of n where n is small. */
function cleanExponent(rows: readonly CleanRow[], radius: number): number {
  return exponentOf(
    ofRadius(rows, radius).filter(({ n }) => n >= 8),
    ({ sigma }) => sigma,
  );
}

function lastRatio(rows: readonly CleanRow[], radius: number): number {
  const { sigma, lower } = ofRadius(rows, radius).at(-1)!;
  return lower / sigma;
}

/** σ/√n of the paper's figure, as we read it. */
const published = 0.92;

function paragraphsOf(
  rows: readonly Row[],
  clean: readonly CleanRow[],
  lengths: readonly number[],
  quick: boolean,
): string[] {
  const spread = (slice: Row["slice"]) => {
    const values = lastPerRoot(rows, slice);
    return `${formatShort(mean(values))} (${formatShort(Math.min(...values))} to ${formatShort(Math.max(...values))})`;
  };
  const columns = lastPerRoot(rows, "columns");
  const inside = published >= Math.min(...columns) && published <= Math.max(...columns);
  const late = lengths.filter((n) => n >= 20);
  const exponents = [...new Set(rows.map(({ sample }) => sample))].map((sample) => {
    const own = rows.filter((row) => row.sample === sample && row.slice === "columns" && late.includes(row.n));
    return exponentOf(own, ({ sigma }) => sigma);
  });
  return [
    `Measured: at n = ${lengths.at(-1)}, σ/√n of the whole layer is ${spread("columns")} over the seeds when head 0 is ` +
      `taken as the COLUMNS of its map, which it is, and ${spread("rows")} when it is taken as rows.`,
    `Published, as we read it: σ ≈ ${published}·√n on GPT-2's random layer (Castin, Ablin and Peyré, ICML 2024). ` +
      (quick
        ? "The layer measured here is a smaller one, not comparable."
        : `That lies ${inside ? "within" : "outside"} the range of the seeds here.`) +
      " Their released code slices rows, with a comment that it is probably wrong: the input then belongs to the " +
      "eigenvector of an unrelated matrix of the same law.",
    ...(late.length >= 3
      ? [
          `Over n ≥ ${late[0]} the exponent of σ is ${formatFixed(Math.min(...exponents), 2)} to ` +
            `${formatFixed(Math.max(...exponents), 2)}, by seed; that of √n is 0.5.`,
        ]
      : []),
    `With A = −I, V = I, R = 3 the exponent over n ≥ 8 is ${formatFixed(cleanExponent(clean, 3), 3)}, and the paper's lower ` +
      `bound is ${formatFixed(lastRatio(clean, 3), 3)} of σ at n = ${Math.max(...clean.map(({ n }) => n))}. At R = 2 they ` +
      `are ${formatFixed(cleanExponent(clean, 2), 2)} and ${formatFixed(lastRatio(clean, 2), 2)}: the less attention has ` +
      "turned to the odd token, the further below σ that bound lies.",
  ];
}
