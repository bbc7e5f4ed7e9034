// The gate of `howsmooth analyze`: what breaks a limit, said in one line each, and the exit code.
import { judgeReport, type Limits, ratioOf, rowsGrown } from "../analysis/gate.js";
import { isMeasured, placeOf, type Report } from "../analysis/report.js";
import { apart, formatNumber } from "../base/numbers.js";
import type { AnalyzeSettings } from "./analyzeSettings.js";
import { exitCode, type IO } from "./io.js";

export function limitsOf({ failAbove, failGrowth }: AnalyzeSettings, baseline?: Report): Limits {
  return { failAbove, growth: baseline && { baseline, factor: failGrowth! } };
}

/** Failed rows give 1, rows beyond a limit 3, which goes first. */
export function judge(report: Report, limits: Limits, baseline: string | undefined, io: IO): number {
  const say = (line: string) => io.stderr.write(`howsmooth: ${line}\n`);
  const { rows } = report;
  const failed = rows.filter((row) => !isMeasured(row));
  if (failed.length > 0) {
    say(`${failed.length} of ${rows.length} rows failed, the first at ${placeOf(failed[0])}: ${failed[0].error}`);
  }
  const codes = [
    failed.length > 0 ? exitCode.failed : exitCode.ok,
    judgeHeight(report, limits, say),
    judgeGrowth(report, limits, baseline, say),
  ];
  return Math.max(...codes);
}

function judgeHeight(report: Report, { failAbove }: Limits, say: (line: string) => void): number {
  if (failAbove === undefined) return exitCode.ok;
  const { breaches, judged } = judgeReport(report, { failAbove });
  const [worst] = breaches;
  if (!worst) return exitCode.ok;
  const excess = worst.upper - failAbove;
  const percent = failAbove > 0 ? ` (${((100 * excess) / failAbove).toPrecision(2)} %)` : "";
  const [upper] = apart(worst.upper, failAbove);
  say(
    `--fail-above ${failAbove}: ${breaches.length} of ${judged} rows ${verb(breaches, "are above", "are not certainly within")}, ` +
      `the most at ${placeOf(worst)}: upper bound ${upper}, ${formatNumber(excess)}${percent} too much` +
      (worst.decision === "undecided" ? `; its lower bound ${apart(failAbove, worst.lower)[1]} is within` : ""),
  );
  return exitCode.gate;
}

function judgeGrowth(
  report: Report,
  { growth }: Limits,
  path: string | undefined,
  say: (line: string) => void,
): number {
  if (!growth) return exitCode.ok;
  const { baseline, factor } = growth;
  const { grown, judged, unmatched, missing } = rowsGrown(report, baseline, factor);
  if (judged === 0) {
    say(`--baseline ${path}: none of its rows was measured now, so nothing can be judged; measure it as this run does`);
    return exitCode.failed;
  }
  if (baseline.provenance.input.sha256 !== report.provenance.input.sha256) {
    say(`--baseline ${path}: note that it was measured on another text`);
  }
  if (unmatched.length > 0) {
    say(`--baseline ${path}: lacks ${unmatched.length} of the rows, the first at ${placeOf(unmatched[0])}; not judged`);
  }
  if (missing.length > 0) {
    say(`--baseline ${path}: ${missing.length} of its rows were not measured now, the first at ${placeOf(missing[0])}`);
  }
  const [worst] = grown;
  if (!worst) return exitCode.ok;
  const { row, baseline: before } = worst;
  const [upper, allowed] = apart(row.upper, factor * before.lower);
  const times = ratioOf(row.upper, before.lower);
  const ratio = Number.isFinite(times) ? `${apart(times, factor)[0]} times` : "against";
  say(
    `--fail-growth ${factor}: ${grown.length} of ${judged} rows ${verb(grown, "grew by more", "may have grown by more")}, ` +
      `the most at ${placeOf(row)}: upper bound ${upper}, ${ratio} the baseline's lower bound ` +
      `${formatNumber(before.lower)}; at most ${allowed} passes`,
  );
  return exitCode.gate;
}

/** What is known of these rows: `certain` where all are decided; as in "may have grown by more (3 of them undecided)". */
function verb(rows: readonly { decision: string }[], certain: string, maybe: string): string {
  const undecided = rows.filter(({ decision }) => decision === "undecided").length;
  if (undecided === 0) return certain;
  return `${maybe} (${undecided === rows.length ? "" : `${undecided} of them `}undecided)`;
}
