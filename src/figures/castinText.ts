// castin-text: growth with n of a model's attention on a text (Castin, Ablin and Peyré 2024, experiments).
import { fitOf } from "../analysis/fit.js";
import { cutWindows } from "../analysis/windows.js";
import { throwIfAborted } from "../base/check.js";
import type { Model } from "../models/model.js";
import type { Figure, FigureSettings } from "./figure.js";
import { growthInWords, meanCurve } from "./statistics.js";
import { otherName, sigmaName, type TwoCurves, twoCurves, whatTheCodeComputes } from "./twoCurves.js";

interface Row extends TwoCurves {
  layer: number;
  n: number;
  sample: number;
}

export interface CastinTextSettings extends FigureSettings {
  tokens: readonly number[];
  layers: readonly number[];
  lengths: readonly number[];
  /** Windows per length. */
  samples: number;
  /** Of the text, for the settings. */
  text: string;
}

export async function castinText(
  model: Model,
  { tokens, layers, lengths, samples, text, seed = 0, quick = false, signal, onProgress }: CastinTextSettings,
): Promise<Figure> {
  const windows = cutWindows(tokens, { lengths, samples, rule: "spread", seed });
  const rows: Row[] = [];
  for await (const { layer, attention, inputs } of model.walk(
    windows.map((window) => window.tokens),
    { layers, signal },
  )) {
    for (const [at, { n, sample }] of windows.entries()) {
      throwIfAborted(signal);
      rows.push({ layer, n, sample, ...(await twoCurves(attention, inputs[at], { signal })) });
      const total = layers.length * windows.length;
      onProgress?.({ fraction: rows.length / total, label: `layer ${layer}, n ${n}` });
    }
  }
  const ofLayer = (layer: number) => rows.filter((row) => row.layer === layer);
  return {
    name: "castin-text",
    title: `Growth with n of ${model.origin.source} on a text`,
    settings: { seed, model: model.origin.source, text, layers, lengths, samples, quick },
    tables: [
      {
        title: "Exponents of n",
        columns: ["layer", sigmaName, otherName],
        rows: layers.map((layer) => [layer, ...exponents(ofLayer(layer))]),
      },
      {
        title: "Every window",
        columns: ["layer", "n", "sample", "sigma", "lower", "upper", otherName],
        rows: rows.map(({ layer, n, sample, sigma, lower, upper, other }) => {
          return [layer, n, sample, sigma, lower, upper, other];
        }),
      },
    ],
    panels: layers.map((layer) => ({
      title: `Layer ${layer}`,
      xLabel: "tokens n",
      yLabel: "size",
      xScale: "log",
      yScale: "log",
      curves: [
        meanCurve(ofLayer(layer), sigmaName, 0, ({ sigma }) => sigma),
        meanCurve(ofLayer(layer), otherName, 1, ({ other }) => other),
      ],
    })),
    comparisons: [],
    paragraphs: [
      `Measured: on this text, ${layers.map((layer) => inWords(layer, ofLayer(layer))).join("; ")}.`,
      "Published, as we read it: Castin, Ablin and Peyré (ICML 2024) plot layers 0 and 6 of pretrained BERT and GPT-2 on texts, " +
        "and see growth between n^¼ and √n. This figure is of the model named above, which may be another.",
      whatTheCodeComputes,
    ],
  };
}

/** Null where the lengths at hand say nothing. */
function exponents(rows: readonly Row[]): (number | null)[] {
  const of = [(row: Row) => row.sigma, (row: Row) => row.other];
  return of.map((of) => fitOf(rows.map((row) => ({ n: row.n, sigma: of(row) }))).fit?.exponent ?? null);
}

function inWords(layer: number, rows: readonly Row[]): string {
  return (
    `in layer ${layer}, σ ${growthInWords(rows, ({ sigma }) => sigma)}, and √‖Jᵀf(X)‖, which is no measure of J, ` +
    growthInWords(rows, ({ other }) => other)
  );
}
