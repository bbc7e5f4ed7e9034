// castin-random: growth with n of randomly initialised attention (Castin, Ablin and Peyré 2024, experiments).
import { throwIfAborted } from "../base/check.js";
import { formatShort } from "../base/numbers.js";
import { deriveSeed } from "../base/random.js";
import type { CurvePanel } from "../charts/curves.js";
import type { Runtime } from "../measure/createRuntime.js";
import { type Comparison, type Figure, type FigureSettings, withinSpread } from "./figure.js";
import { normalizedTokens, randomLayer } from "./randomLayer.js";
import { allowsExponent, exponentOf, growthInWords, mean, meanCurve } from "./statistics.js";
import { otherName, sigmaName, type TwoCurves, twoCurves, whatTheCodeComputes } from "./twoCurves.js";

interface Row extends TwoCurves {
  n: number;
  sample: number;
}

const models = [
  { name: "GPT-2", mask: "causal", title: "GPT-2 at initialisation, causal" },
  { name: "BERT", mask: "none", title: "BERT at initialisation, no mask" },
] as const;

/** @param runtime f64 for the digits that are compared */
export async function castinRandom(
  runtime: Runtime,
  { seed = 0, quick = false, signal, onProgress }: FigureSettings,
): Promise<Figure> {
  const width = quick ? 48 : 768;
  const heads = quick ? 4 : 12;
  const lengths = quick ? [2, 4, 8, 16] : [2, 4, 8, 16, 32, 64, 100];
  const samples = quick ? 1 : 3;
  const measured: { model: (typeof models)[number]; rows: Row[] }[] = [];
  for (const [at, model] of models.entries()) {
    const rows: Row[] = [];
    for (let sample = 0; sample < samples; sample++) {
      const own = deriveSeed(seed, "castin-random", sample);
      const layer = runtime.attention(randomLayer({ width, heads, std: 0.02, mask: model.mask, seed: own }));
      try {
        for (const n of lengths) {
          throwIfAborted(signal);
          const x = normalizedTokens(n, width, deriveSeed(own, n));
          rows.push({ n, sample, ...(await twoCurves(layer, x, { rtol: 1e-5, signal })) });
          const done = at * samples + sample + (lengths.indexOf(n) + 1) / lengths.length;
          onProgress?.({ fraction: done / (models.length * samples), label: `${model.name}, n ${n}` });
        }
      } finally {
        layer.dispose();
      }
    }
    measured.push({ model, rows });
  }
  return {
    name: "castin-random",
    title: "Growth with n of randomly initialised attention",
    settings: { seed, width, heads, lengths, samples, "standard deviation of all weights": 0.02, quick },
    tables: measured.map(({ model, rows }) => ({
      title: model.title,
      columns: ["n", "sample", "sigma", "lower", "upper", otherName],
      rows: rows.map(({ n, sample, sigma, lower, upper, other }) => [n, sample, sigma, lower, upper, other]),
    })),
    panels: measured.map(({ model, rows }) => panelOf(model.title, rows)),
    comparisons: quick ? [] : comparisonsOf(measured[0].rows, measured[1].rows),
    paragraphs: paragraphsOf(measured[0].rows, measured[1].rows, quick),
  };
}

function panelOf(title: string, rows: readonly Row[]): CurvePanel {
  const lengths = [...new Set(rows.map(({ n }) => n))];
  const quarter = {
    name: "0.445·n^¼",
    look: "reference",
    dashed: true,
    points: lengths.map((n) => ({ x: n, y: 0.445 * n ** 0.25 })),
  } as const;
  return {
    title,
    xLabel: "tokens n",
    yLabel: "size",
    xScale: "log",
    yScale: "log",
    curves: [meanCurve(rows, sigmaName, 0, bySigma), meanCurve(rows, otherName, 1, byOther), quarter],
  };
}

const bySigma = ({ sigma }: Row) => sigma;
const byOther = ({ other }: Row) => other;

function meanAt(rows: readonly Row[], length: number, of = bySigma): number {
  return mean(rows.filter(({ n }) => n === length).map(of));
}

/** Means of three other draws, which lie within 3 % of each other. */
function comparisonsOf(causal: readonly Row[], full: readonly Row[]): Comparison[] {
  const around = (value: number): [number, number] => [
    Number((0.97 * value).toPrecision(3)),
    Number((1.03 * value).toPrecision(3)),
  ];
  const table: [number, number][] = [
    [2, 0.923],
    [4, 1.018],
    [8, 1.104],
    [16, 1.173],
    [32, 1.229],
    [64, 1.275],
    [100, 1.3],
  ];
  const [source, flat] = ["three other draws of ours, within 3 %", "three other draws of ours"];
  return [
    ...table.map(([n, value]) =>
      withinSpread(`causal, mean sigma at n = ${n}`, meanAt(causal, n), around(value), source),
    ),
    withinSpread("no mask, mean sigma at n = 2", meanAt(full, 2), around(0.875), source),
    withinSpread("no mask, mean sigma at n = 100", meanAt(full, 100), around(0.794), source),
    withinSpread("causal, exponent of sigma", exponentOf(causal, bySigma), [0.075, 0.095], flat),
    withinSpread("no mask, exponent of sigma", exponentOf(full, bySigma), [-0.035, -0.01], flat),
    withinSpread(
      "causal, √‖Jᵀf(X)‖ at n = 64",
      meanAt(causal, 64, byOther),
      around(3.526),
      "the released code, run as it stands on such a layer",
    ),
  ];
}

function paragraphsOf(causal: readonly Row[], full: readonly Row[], quick: boolean): string[] {
  const quarter = [causal, full].map((rows) => allowsExponent(rows, bySigma, 0.25));
  const verdict = quarter.map((allows) =>
    allows === undefined ? "say nothing of that" : allows ? "allow for that" : "do not give that",
  );
  const largest = Math.max(...causal.map(bySigma));
  return [
    `Measured: on independent tokens as a layer norm leaves them, σ of a randomly initialised layer ` +
      `${growthInWords(causal, bySigma)} with the causal mask (GPT-2); without a mask (BERT) it ` +
      `${growthInWords(full, bySigma)}. √‖Jᵀf(X)‖, which is no measure of J, ${growthInWords(causal, byOther)} and, ` +
      `without a mask, ${growthInWords(full, byOther)}.${quick ? " (Quick: a smaller layer, not comparable.)" : ""}`,
    "Published, as we read it: Castin, Ablin and Peyré (ICML 2024) see n^¼ on randomly initialised GPT-2, and plot " +
      `0.445·n^¼, the dashed line. The independent tokens measured here ${verdict[0]} with the causal mask, and ` +
      `${verdict[1]} without one. Where attention is even, as at small weights, σ with the causal mask is that of averages ` +
      `over prefixes, which never exceeds twice ‖W_V W_O‖ (Hardy); the largest here is ${formatShort(largest)}.`,
    `${whatTheCodeComputes} √‖Jᵀf‖ grows like √‖f‖ where J does not grow, and ‖f‖ like √n where outputs have a part in ` +
      "common: an n^¼ trend can appear for that reason alone. The same scripts leave dropout on during the iteration, " +
      "stop by an absolute rule on σ², and take a second square root in one plot.",
    "The output map at GPT-2's own scale, 0.02/√24, divides every curve by √24 = 4.9 and leaves the exponents as they are.",
  ];
}
