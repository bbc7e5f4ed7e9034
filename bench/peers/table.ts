// results.json as Markdown.
import { applicationFlops } from "../layer.mjs";
import { geometricMean, type Summary } from "./statistics.ts";

interface Timed extends Summary {
  who: string;
  method: string;
}

interface SigmaRun extends Summary {
  who: string;
  error: number;
  steps: number;
  end: string;
}

interface Problem {
  n: number;
  weights: number;
  mask: string;
  agreement: { error: number }[];
  /** Of the problems that they are asked of. */
  forward?: Timed[];
  application?: Timed[];
  sigma?: SigmaRun[];
}

/** What results.json holds. */
export interface Results {
  date: string;
  quick: boolean;
  machine: { cpu: string; cores: number; os: string };
  load: { before: number; after: number };
  contestants: { who: string; version: string; on: string }[];
  absent: string[];
  minutes: number;
  problems: Problem[];
  gemm: {
    shapes: {
      kind: string;
      m: number;
      n: number;
      k: number;
      total: number;
      product: number;
      ceiling: number;
      aim: number;
    }[];
  };
  loading: { randomSeconds: number; openSeconds: number; openedBytes: number; fileBytes: number };
  firstRow: { seconds: number };
}

type Called = Problem & { forward: Timed[]; application: Timed[] };
type Solved = Problem & { sigma: SigmaRun[] };

const called = ({ problems }: Results) => problems.filter((problem): problem is Called => !!problem.application);
const solved = ({ problems }: Results) => problems.filter((problem): problem is Solved => !!problem.sigma);

const methods: Readonly<Record<string, string>> = {
  "PyTorch automatic": ", the paper's way (jvp + vjp)",
  "PyTorch formulas": ", linearised by hand",
  "jax-js automatic": ", jvp + vjp",
  "jax-js linearized": ", linearize + vjp, kept",
  "jax-js jitted": ", jvp + vjp, jitted, heads not copied",
  "tfjs-wasm automatic": ", vjp of vjp + vjp",
};

export function tables(results: Results): string {
  return [
    head(results),
    callTable(results, "forward", "Forward, milliseconds (weights 0.02, causal)"),
    callTable(results, "application", "One JᵀJ application, milliseconds (weights 0.02, causal)"),
    sigmaTable(results),
    reach(results),
    gemmTable(results),
  ].join("\n\n");
}

const number = (value: number) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(2);
const row = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
const table = (header: string[], rows: (string | number)[][]) =>
  [row(header), row(header.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(row)].join("\n");
const spread = ({ median, low, high, runs }: Summary) =>
  runs === 1 ? `${number(median)}` : `${number(median)} [${number(low)}–${number(high)}]`;
const labelOf = ({ who, method }: Timed) => `${who}${methods[`${who} ${method}`] ?? ""}`;
const settingOf = ({ n, weights, mask }: Problem) => `${n}, ${weights}, ${mask === "causal" ? "causal" : "full"}`;

function head({ date, quick, machine, load, contestants, absent, minutes, problems }: Results) {
  const worst = Math.max(...problems.flatMap(({ agreement }) => agreement.map(({ error }) => error)));
  const versions = contestants.map(({ who, version, on }) => `${who} ${version} (${on})`).join("; ");
  return [
    `GPT-2 layer (d = 768, 12 heads, f32), one thread each, in alternation; medians [lowest–highest]. ${machine.cpu}, ${machine.cores} cores, ${machine.os}, ${date.slice(0, 10)}${quick ? ", **quick run**" : ""}; load average ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after ${minutes.toFixed(0)} minutes.`,
    `${versions}.${absent.map((line) => ` Absent: ${line}.`).join("")}`,
    `All agree on forward and on JᵀJ u to ${worst.toExponential(1)} before they are timed. onnxruntime-web has no derivatives; tfjs has no forward mode (its J u is a second reverse pass).`,
  ].join("\n\n");
}

function callTable(results: Results, what: "forward" | "application", title: string) {
  const timed = called(results);
  const rows = timed[0][what].map((entry, index) => [
    labelOf(entry),
    ...timed.map((problem) => spread(problem[what][index])),
  ]);
  return `**${title}**\n\n${table(["", ...timed.map(({ n }) => `n = ${n}`)], rows)}`;
}

function sigmaTable(results: Results) {
  const timed = solved(results);
  const peers = timed[0].sigma.map(({ who }) => who);
  const cell = ({ end, error, steps, ...times }: SigmaRun) => {
    const cut = end === "cut";
    return `${cut ? "> " : ""}${spread(times)} s; ${steps} steps${ends[end] ?? `, ${end}`}; error ${error.toExponential(0)}`;
  };
  const rows = timed.map((problem) => [settingOf(problem), ...problem.sigma.map(cell)]);
  const note =
    "Ours: `localLipschitz` at rtol 1e-4. The peers: the paper's power iteration (threshold 1e-4, at most 100 steps, the tangent where the released code takes the output). Errors are relative to our f64 sigma at rtol 1e-7 from another start; *cut*: stopped at the time budget, so the time is a lower bound.";
  return `**Seconds to sigma**\n\n${note}\n\n${table(["n, weights, mask", ...peers], rows)}`;
}

const secondsOf = ({ sigma }: Solved, peer: string) => sigma.find(({ who }) => who === peer)!.median;

const ends: Readonly<Record<string, string>> = { converged: "", threshold: "", limit: ", at its limit", cut: ", cut" };

function reach(results: Results) {
  const sigma = solved(results);
  const lines: string[][] = [];
  const against = (peer: string, aim: string, leastAim: string) => {
    if (!sigma[0].sigma.some(({ who }) => who === peer)) return;
    const means: string[] = [];
    const least: string[] = [];
    for (const { who } of sigma[0].sigma.filter(({ who }) => who.startsWith("howsmooth"))) {
      const ratios = sigma.map((problem) => secondsOf(problem, peer) / secondsOf(problem, who));
      const label = who.replace("howsmooth", "").trim();
      means.push(`${number(geometricMean(ratios))}× ${label}`.trim());
      least.push(`${number(Math.min(...ratios))}× ${label}`.trim());
    }
    const cut = sigma.some((problem) => problem.sigma.some(({ who, end }) => who === peer && end === "cut"));
    const atLeast = cut ? "at least " : "";
    lines.push([`sigma, sooner than ${peer}, geometric mean`, atLeast + means.join(", "), aim]);
    lines.push([`sigma, sooner than ${peer}, worst setting`, atLeast + least.join(", "), leastAim]);
  };
  against("PyTorch", "10×", "3×");
  against("jax-js", "100×", "");
  const speed = results.gemm.shapes.find(({ m }) => m === 512)!.product;
  for (const { n, application, forward } of called(results)) {
    const mine = application[0].median;
    const byHand = application.find(({ who, method }) => who === "PyTorch" && method === "formulas");
    if (byHand) {
      const target = n === 1024 ? "at most 1.1" : "";
      lines.push([`one application / PyTorch by hand, n = ${n}`, number(mine / byHand.median), target]);
    }
    const flops = applicationFlops({ d: 768, n, causal: true });
    const own = mine / (flops / speed / 1e6);
    lines.push([`one application / its FLOPs at GEMM speed, n = ${n}`, own.toFixed(2), "at most 1.15"]);
    for (const [peer, target] of [
      ["onnxruntime-web", n === 1024 ? "2×" : "1.5×"],
      ["PyTorch", ""],
    ]) {
      const theirs = forward.find(({ who }) => who === peer);
      if (theirs)
        lines.push([`forward, faster than ${peer}, n = ${n}`, `${number(theirs.median / forward[0].median)}×`, target]);
    }
  }
  const { randomSeconds, openSeconds, openedBytes, fileBytes } = results.loading;
  lines.push(["random GPT-2, layers 0–6 ready", `${number(randomSeconds)} s`, "2 s"]);
  const read = `${number(openSeconds)} s, ${number(openedBytes / 1e6)} of ${number(fileBytes / 1e6)} MB read`;
  lines.push(["checkpoint opened, one layer's weights read", read, "0.5 s"]);
  lines.push(["first row of `npm start`", `${number(results.firstRow.seconds)} s`, "2 s"]);
  return `**Ratios**\n\n${table(["", "measured", "aim"], lines)}`;
}

function gemmTable({ gemm }: Results) {
  const rows = gemm.shapes.map(({ kind, m, n, k, total, product, ceiling, aim }) => [
    `${kind} ${m} × ${k} · ${k} × ${n}`,
    number(ceiling),
    number(total),
    (total / ceiling).toFixed(2),
    number(product),
    (product / ceiling).toFixed(2),
    aim.toFixed(2),
  ]);
  const heads = ["", "ceiling", "packing included", "of the ceiling", "product alone", "of the ceiling", "aim"];
  return `**Our GEMM, GFLOP/s; the ceiling is a register-only multiply-add loop**\n\n${table(heads, rows)}`;
}
