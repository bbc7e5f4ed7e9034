// kim-tightness: how close the ∞-norm bound of L2 attention is to the truth (Kim, Papamakarios and Mnih 2021, figure 1).
import { ascend } from "../adversarial/ascend.js";
import { throwIfAborted } from "../base/check.js";
import { formatFixed, formatShort } from "../base/numbers.js";
import { tensor } from "../base/tensor.js";
import { l2Tightness } from "../bounds/l2Tightness.js";
import { inversePhi } from "../linalg/lambertW.js";
import type { Runtime } from "../measure/createRuntime.js";
import { type Comparison, type Figure, type FigureSettings, sameDigits } from "./figure.js";

interface Row {
  n: number;
  optimised: number;
  closed: number;
  upper: number;
}

/** n, by L-BFGS with restarts, closed form, upper bound, by a NumPy reference. */
const known = [
  [2, 1.602, 1.436, 2.114],
  [5, 3.108, 3.036, 3.871],
  [9, 4.205, 4.141, 5.16],
  [21, 6.05, 6.001, 7.218],
  [51, 8.26, 8.226, 9.591],
  [101, 10.12, 10.094, 11.544],
] as const;

const knownLarge = [
  [1001, 17.054, 18.685],
  [1e4, 24.713, 26.441],
  [1e6, 41.04, 42.87],
  [1e9, 66.7, 68.58],
] as const;

/** @param runtime f64 for the digits that are compared */
export async function kimTightness(
  runtime: Runtime,
  { seed = 0, quick = false, signal, onProgress }: FigureSettings,
): Promise<Figure> {
  const lengths = known.map(([n]) => n).filter((n) => !quick || n <= 9);
  const steps = quick ? 30 : 120;
  const one = { weight: tensor(new Float64Array([1]), [1, 1]) };
  const layer = runtime.attention({
    kind: "l2",
    heads: 1,
    query: one,
    value: one,
    output: one,
    tiedValue: true,
    scale: 1,
  });
  const rows: Row[] = [];
  try {
    for (const [at, n] of lengths.entries()) {
      throwIfAborted(signal);
      const { x, lower, upper } = l2Tightness({ n });
      const restarts = n <= 21 ? 2 : 0;
      const found = await ascend(layer, x, {
        radius: 10,
        steps,
        restarts,
        seed,
        norm: Number.POSITIVE_INFINITY,
        signal,
      });
      rows.push({ n, optimised: found.lower.value, closed: lower.value, upper: upper.value });
      onProgress?.({ fraction: (at + 1) / lengths.length, label: `n ${n}` });
    }
  } finally {
    layer.dispose();
  }
  const large = knownLarge.map(([n]) => ({ n, closed: balanced(n), upper: 4 * inversePhi(n - 1) + 1 }));
  const all = [...rows, ...large];
  return {
    name: "kim-tightness",
    title: "How tight is the bound of L2 attention in the ∞-norm?",
    settings: { seed, "d = heads = weights = scale": 1, lengths, steps, quick },
    tables: [
      {
        title: "Lipschitz constant in the ∞-norm",
        columns: ["N", "found by ascent", "closed form", "upper bound 4φ⁻¹(N − 1) + 1", "upper − best"],
        rows: [
          ...rows.map(({ n, optimised, closed, upper }) => [n, optimised, closed, upper, upper - optimised]),
          ...large.map(({ n, closed, upper }) => [n, null, closed, upper, upper - closed]),
        ],
      },
    ],
    panels: [
      {
        title: "From below and from above",
        xLabel: "tokens N",
        yLabel: "‖J‖ in the ∞-norm",
        xScale: "log",
        yScale: "linear",
        curves: [
          { name: "upper bound 4φ⁻¹(N − 1) + 1", look: 1, points: all.map(({ n, upper }) => ({ x: n, y: upper })) },
          { name: "closed form", look: 2, points: all.map(({ n, closed }) => ({ x: n, y: closed })) },
          {
            name: "found by ascent",
            look: 0,
            draw: "points",
            points: rows.map(({ n, optimised }) => ({ x: n, y: optimised })),
          },
        ],
      },
      {
        title: "The gap",
        xLabel: "tokens N",
        yLabel: "upper bound − best lower bound",
        xScale: "log",
        yScale: "linear",
        curves: [
          {
            name: "upper − best",
            look: 3,
            points: [
              ...rows.map(({ n, optimised, upper }) => ({ x: n, y: upper - optimised })),
              ...large.map(({ n, closed, upper }) => ({ x: n, y: upper - closed })),
            ],
          },
          { name: "2", look: "reference", dashed: true, points: all.map(({ n }) => ({ x: n, y: 2 })) },
        ],
      },
    ],
    comparisons: quick ? [] : [...comparisonsOf(rows), ...largeComparisons(large)],
    paragraphs: paragraphsOf(rows, large),
  };
}

/** 4φ⁻¹ + 1 − 2p, p = φ⁻¹/(1 + φ⁻¹): the row where as many tokens lie on either side. */
function balanced(n: number): number {
  const spread = inversePhi(n - 1);
  return 4 * spread + 1 - (2 * spread) / (1 + spread);
}

function comparisonsOf(rows: readonly Row[]): Comparison[] {
  return rows.flatMap(({ n, optimised, closed, upper }, at) => {
    const [, expectedOptimised, expectedClosed, expectedUpper] = known[at];
    return [
      sameDigits(`N = ${n}, found`, optimised, expectedOptimised, "our NumPy reference, by L-BFGS"),
      sameDigits(`N = ${n}, closed form`, closed, expectedClosed, "our NumPy reference", 4),
      sameDigits(`N = ${n}, upper bound`, upper, expectedUpper, "our NumPy reference", 4),
    ];
  });
}

function largeComparisons(rows: readonly { n: number; closed: number; upper: number }[]): Comparison[] {
  return rows.flatMap(({ n, closed, upper }, at) => [
    sameDigits(`N = ${n}, closed form`, closed, knownLarge[at][1], "our NumPy reference", 4),
    sameDigits(`N = ${n}, upper bound`, upper, knownLarge[at][2], "our NumPy reference", 4),
  ]);
}

function paragraphsOf(rows: readonly Row[], large: readonly { n: number; closed: number; upper: number }[]): string[] {
  const last = rows[rows.length - 1];
  const far = large[large.length - 1];
  const gap = Math.max(...[...rows, ...large].map(({ closed, upper }) => upper - closed));
  return [
    `Measured: for one scalar head with unit weights, ascent finds ${formatShort(last.optimised, 4)} at N = ${last.n}, where ` +
      `the bound is ${formatShort(last.upper, 4)}; at N = ${formatShort(far.n)} the closed form is ` +
      `${formatShort(far.closed, 4)} below ${formatShort(far.upper, 4)}, a ratio of ${formatFixed(far.closed / far.upper, 3)}.`,
    "Published, as we read it: Kim, Papamakarios and Mnih (ICML 2021) optimise the same quantity and conclude that their " +
      "bound is asymptotically tight. One token at 0 and the others at ±√(1 + φ⁻¹(N − 1)) come within " +
      `${formatFixed(gap, 3)} of it at every N shown, while both grow like 4·log N.`,
    "This is the ∞-norm. In the 2-norm the published form is wrong by homogeneity (docs/theory.md).",
  ];
}
