// The gate of `howsmooth analyze`: what breaks a limit, said in one line each, and the exit code.
import { rowsAbove, rowsGrown } from "../analysis/gate.js";
import { isMeasured, placeOf, type Report } from "../analysis/report.js";
import { formatNumber } from "../base/numbers.js";
import type { AnalyzeSettings } from "./analyzeSettings.js";
import { exitCode, type IO } from "./io.js";

/** What the rows are held against, with the baseline that was read. */
export interface Limits {
  failAbove?: number;
  growth?: { path: string; baseline: Report; factor: number };
}

export function limitsOf({ failAbove, baseline: path, failGrowth }: AnalyzeSettings, baseline?: Report): Limits {
  const growth = baseline && { path: path!, baseline, factor: failGrowth! };
  return { failAbove, growth };
}

/** Failed rows give 1, rows beyond a limit 3, which goes first. */
export function judge(report: Report, limits: Limits, io: IO): number {
  const say = (line: string) => io.stderr.write(`howsmooth: ${line}\n`);
  const { rows } = report;
  const failed = rows.filter((row) => !isMeasured(row));
  if (failed.length > 0) {
    say(`${failed.length} of ${rows.length} rows failed, the first at ${placeOf(failed[0])}: ${failed[0].error}`);
  }
  const codes = [
    failed.length > 0 ? exitCode.failed : exitCode.ok,
    judgeHeight(report, limits, say),
    judgeGrowth(report, limits, say),
  ];
  return Math.max(...codes);
}

function judgeHeight(report: Report, { failAbove }: Limits, say: (line: string) => void): number {
  if (failAbove === undefined) return exitCode.ok;
  const [worst, ...others] = rowsAbove(report, failAbove);
  if (!worst) return exitCode.ok;
  const excess = worst.upper - failAbove;
  const percent = failAbove > 0 ? ` (${((100 * excess) / failAbove).toFixed(1)} %)` : "";
  say(
    `--fail-above ${failAbove}: ${1 + others.length} of ${report.rows.length} rows are above, the most at ` +
      `${placeOf(worst)}: upper bound ${formatNumber(worst.upper)}, ${formatNumber(excess)}${percent} too much`,
  );
  return exitCode.gate;
}

function judgeGrowth(report: Report, { growth }: Limits, say: (line: string) => void): number {
  if (!growth) return exitCode.ok;
  const { path, baseline, factor } = growth;
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
  if (grown.length === 0) return exitCode.ok;
  const [{ row, baseline: before, ratio }] = grown;
  say(
    `--fail-growth ${factor}: ${grown.length} of ${judged} rows grew by more, the most at ${placeOf(row)}: upper bound ` +
      `${formatNumber(row.upper)}, ${ratioInWords(ratio)} the baseline's ${formatNumber(before.upper)}`,
  );
  return exitCode.gate;
}

function ratioInWords(ratio: number): string {
  return Number.isFinite(ratio) ? `${ratio.toFixed(2)} times` : "against";
}
