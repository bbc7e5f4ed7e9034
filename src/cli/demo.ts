// howsmooth demo: the random GPT-2 of the paper's control beside a small trained one, in one table, on a text of ours.
import type { Report, Row } from "../analysis/report.js";
import { defaultText } from "../analysis/samples/essay.js";
import { tinyModel } from "../analysis/samples/tiny.js";
import { sweep } from "../analysis/sweep.js";
import { formatHeader, formatRow, formatSummary } from "../report/table.js";
import type { Engine } from "./engine.js";
import type { CommandLine } from "./flags.js";
import { exitCode, type IO } from "./io.js";
import { openModel } from "./open.js";
import { createProgress } from "./progress.js";

const lengths = [2, 4, 8, 12, 16, 24, 32, 48, 64, 96];
const samples = 3;
const seed = 0;
const shown = [
  { source: "random:gpt2", label: "random gpt2", layers: [0, 6] },
  { source: tinyModel, label: "trained tiny", layers: [0, 3] },
];
const labelWidth = Math.max(...shown.map(({ label }) => label.length));

export async function demo(_: CommandLine, io: IO, engine: Engine): Promise<number> {
  const progress = createProgress(io.stderr, io.now);
  const runtime = await engine.createRuntime({});
  const total = shown.length * lengths.length * samples * 2;
  let done = 0;
  const reports: { label: string; report: Report }[] = [];
  io.stdout.write(`${"model".padEnd(labelWidth)}  ${formatHeader()}\n`);
  try {
    for (const { source, label, layers } of shown) {
      progress.show(done / total, label);
      const model = await openModel({ source, seed }, runtime, progress, io, engine);
      const show = (row: Row) => {
        progress.clear();
        io.stdout.write(`${label.padEnd(labelWidth)}  ${formatRow(row)}\n`);
        progress.show(++done / total, `${label}, layer ${row.layer}`);
      };
      const report = await sweep(
        model,
        {
          text: defaultText,
          layers,
          lengths,
          samples,
          seed,
          runtime,
          signal: io.signal,
          onProgress: (event) => event.type === "row" && show(event.row),
        },
        engine.measure,
      );
      reports.push({ label, report });
      model.dispose();
    }
  } finally {
    progress.clear();
    runtime.dispose();
  }
  for (const { label, report } of reports) io.stdout.write(`\n${label}\n${formatSummary(report)}\n`);
  return exitCode.ok;
}
