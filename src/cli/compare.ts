// howsmooth compare: two reports side by side.
import { compareReports } from "../analysis/compare.js";
import { toComparison } from "../report/comparison.js";
import { compare as command } from "./commands.js";
import type { CommandLine } from "./flags.js";
import { readReport } from "./input.js";
import { exitCode, type IO } from "./io.js";
import { UsageError } from "./usage.js";

export async function compare(line: CommandLine, io: IO): Promise<number> {
  if (line.operands.length !== 2) {
    throw new UsageError(`expected two reports, got ${line.operands.length}`, command.name);
  }
  const [a, b] = await Promise.all(line.operands.map((path, at) => readReport(path, `report ${"ab"[at]}`)));
  const comparison = compareReports(a, b);
  if (comparison.rows.length === 0) {
    throw new Error(
      `the reports have no measured row in common (${a.rows.length} and ${b.rows.length} rows); ` +
        "measure the same layers and lengths in both",
    );
  }
  const [nameA, nameB] = line.operands;
  io.stdout.write(
    line.has("json")
      ? `${JSON.stringify(comparison, null, 2)}\n`
      : `a: ${nameA}\nb: ${nameB}\n\n${toComparison(comparison)}`,
  );
  return exitCode.ok;
}
