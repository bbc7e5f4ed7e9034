// What a report says about itself in words: what was measured, on what, by what, and how to read it.
import { isMeasured, type MeasuredRow, type Provenance, plannedRows, type Report } from "../analysis/report.js";
import type { WindowRule } from "../analysis/windows.js";
import { formatBracket, formatNumber } from "../base/numbers.js";

/** The name of a model for a heading: the last part of a path, or all of any other source. */
export function modelName({ model }: Provenance): string {
  const parts = model.source.split(/[/\\]/).filter((part) => part !== "" && part !== "." && part !== "..");
  return parts.at(-1) ?? model.source;
}

const places: Record<WindowRule, string> = {
  spread: "spread over",
  first: "one after the other from the start of",
  random: "at random in",
};

/** One line: how much was measured. */
export function extentOf(report: Report): string {
  const { options, input } = report.provenance;
  const layers = `${options.layers.length === 1 ? "layer" : "layers"} ${formatIntegers(options.layers)}`;
  const heads = options.heads ? ", each head apart" : "";
  const lengths = `n = ${formatIntegers(options.lengths)}`;
  const windows = `${options.samples} ${options.samples === 1 ? "window" : "windows"} each`;
  const stream = `${input.kind === "text" ? "text" : "list"} of ${input.tokens} tokens`;
  return `${layers}${heads}; ${lengths}; ${windows}, ${places[options.windows]} a ${stream}`;
}

/** The row with the largest sigma. */
export function largestRow(report: Report): MeasuredRow | null {
  return report.rows
    .filter(isMeasured)
    .reduce<MeasuredRow | null>(
      (largest, row) => (largest === null || row.sigma > largest.sigma ? row : largest),
      null,
    );
}

export function sigmaWithBracket({ sigma, lower, upper }: MeasuredRow): string {
  return `${formatNumber(sigma)} in ${formatBracket(lower, upper)}`;
}

/** What sigma and its bracket mean; `risk` is the largest failure probability of the rows. */
export function meaningOf(report: Report): string[] {
  const parted = report.rows.some(({ part }) => part !== "attention");
  const risk = report.rows.filter(isMeasured).reduce((most, row) => Math.max(most, row.failureProbability), 0);
  return [
    "σ is the local Lipschitz constant of a part of the model at one window of text, of an attention layer where no other " +
      "part is named: the largest singular value of its Jacobian there, that is, how far its output moves for a small push of its input in the worst " +
      "direction, both measured in the Euclidean norm over all tokens. It speaks of that window, not of all inputs.",
    "The bracket [lower, upper] holds the true value. The lower end is reached by a direction that was found; the " +
      `upper end fails with probability at most ${risk.toExponential()} for each row, over the random start of the ` +
      "solver. Both ends allow for rounding.",
    ...(parted
      ? [
          "normed-attention and feed-forward are branches of a block with every norm on them, without the residual " +
            "addition; block has everything; model is all blocks, from the embeddings to the input of the final norm, and " +
            "normed-model goes on through that norm.",
        ]
      : []),
    "The relative value is σ·rms(input)/rms(output): how many per cent the output moves at worst where the input moves " +
      "by one per cent.",
  ];
}

/** What a reader must know before trusting the numbers: interruptions, failures, texts that were too short. */
export function warningsOf(report: Report): string[] {
  const { rows, complete, provenance } = report;
  const failed = rows.filter((row) => !isMeasured(row)).length;
  return [
    ...(complete ? [] : [`Incomplete: ${rows.length} of ${plannedRows(provenance)} rows were measured.`]),
    ...(failed > 0 ? [`Failed: ${failed} of ${rows.length} rows; the table says why.`] : []),
    ...(provenance.input.wrapped ? [`Note: ${provenance.input.wrapped}.`] : []),
  ];
}

/** What the gate says, in a line; undefined where none judged. */
export function verdictOf({ gate, rows }: Report): string | undefined {
  if (!gate) return undefined;
  const { passed, failAbove, failGrowth, judged, unchanged, breaches } = gate;
  const limits = [
    ...(failAbove === null ? [] : [`no σ above ${failAbove}`]),
    ...(failGrowth === null ? [] : [`no σ more than ${failGrowth} times the baseline's`]),
  ];
  const same = unchanged > 0 ? `, ${unchanged} of them unchanged since the baseline` : "";
  const undecided = breaches.filter(({ decision }) => decision === "undecided").length;
  const outcome = passed
    ? "Passed"
    : breaches.length > 0
      ? `Failed at ${breaches.length} of ${judged} rows${undecided > 0 ? ` (${undecided} undecided)` : ""}`
      : judged === 0
        ? "Failed, as nothing could be judged"
        : `Failed, as not all of ${rows.length} rows were measured`;
  return `${outcome}: ${limits.join(", ")}; ${judged} rows judged${same}.`;
}

/** Everything that the numbers depend on, as names and values. */
export function provenanceOf({ provenance }: Report): [name: string, value: string][] {
  const { model, runtime, input, options } = provenance;
  const kv = model.kvHeads === model.heads ? "" : ` (${model.kvHeads} for keys and values)`;
  return [
    ["model", model.source],
    [
      "architecture",
      `${model.architecture}: ${model.layers} layers, width ${model.width}, ${model.heads} heads${kv}, ` +
        `vocabulary ${model.vocabulary}, context ${model.context}`,
    ],
    ["input", `${input.kind} of ${input.tokens} tokens${options.bos ? ", beginning-of-sequence token first" : ""}`],
    [
      "solver",
      `rtol ${options.rtol ?? "by default"}, bracket ${options.bracket === null ? "as it comes" : `within ${options.bracket}`}, ` +
        `seed ${options.seed}`,
    ],
    ["device", runtime === null ? "not recorded" : describeRuntime(runtime)],
    ["howsmooth", provenance.howsmooth],
    ...(provenance.date === undefined ? [] : [["date", provenance.date] as [string, string]]),
    [`SHA-256 of the ${input.kind}`, input.sha256 ?? "not recorded"],
    ...Object.entries(model.files ?? {}).map(([name, hash]): [string, string] => [`SHA-256 of ${name}`, hash]),
  ];
}

function describeRuntime({
  device,
  dtype,
  simd,
  threads,
  adapter,
  reason,
}: NonNullable<Provenance["runtime"]>): string {
  const parts = [device, dtype, ...(simd ? [simd] : []), ...(threads > 1 ? [`${threads} threads`] : [])];
  return `${[...parts, ...(adapter ? [adapter] : [])].join(", ")}${reason ? ` (${reason})` : ""}`;
}

/** 0–3, 6, 8–10. Runs of three and more are drawn together. */
export function formatIntegers(integers: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < integers.length; ) {
    let end = at;
    while (integers[end + 1] === integers[end] + 1) end++;
    if (end - at >= 2) parts.push(`${integers[at]}–${integers[end]}`);
    else parts.push(...integers.slice(at, end + 1).map(String));
    at = end + 1;
  }
  return parts.length <= 24 ? parts.join(", ") : `${parts.slice(0, 20).join(", ")}, … (${integers.length} in all)`;
}
