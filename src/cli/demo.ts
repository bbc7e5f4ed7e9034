// howsmooth demo: a small trained GPT-2 beside a random one of its own shape, in one table, on a text of ours.
import type { Report, Row } from "../analysis/report.js";
import { defaultText } from "../analysis/samples/essay.js";
import { tinyModel } from "../analysis/samples/tiny.js";
import { sweep } from "../analysis/sweep.js";
import type { Runtime } from "../measure/createRuntime.js";
import type { Model } from "../models/model.js";
import { formatHeader, formatRow, formatSummary } from "../report/table.js";
import type { Engine } from "./engine.js";
import type { CommandLine } from "./flags.js";
import { exitCode, type IO } from "./io.js";
import { openModel } from "./open.js";
import { createProgress } from "./progress.js";

const lengths = [2, 4, 8, 12, 16, 24, 32, 48, 64, 96];
const layers = [0, 3];
const samples = 3;
const seed = 0;
const labels = ["random", "trained"];
const labelWidth = Math.max(...labels.map((label) => label.length));

export async function demo(_: CommandLine, io: IO, engine: Engine): Promise<number> {
  const progress = createProgress(io.stderr, io.now);
  const runtime = await engine.createRuntime({});
  const total = labels.length * layers.length * lengths.length * samples;
  let done = 0;
  const reports: { label: string; report: Report }[] = [];
  io.stdout.write(`${"model".padEnd(labelWidth)}  ${formatHeader()}\n`);
  try {
    progress.show(0, tinyModel);
    const trained = await openModel({ source: tinyModel, seed }, runtime, progress, io, engine);
    const models = [await randomLike(trained, runtime, engine), trained];
    const tokens = trained.encode(defaultText);
    for (const [at, label] of labels.entries()) {
      const show = (row: Row) => {
        progress.clear();
        io.stdout.write(`${label.padEnd(labelWidth)}  ${formatRow(row)}\n`);
        progress.show(++done / total, `${label}, layer ${row.layer}`);
      };
      const report = await sweep(
        models[at],
        {
          tokens,
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
      models[at].dispose();
    }
  } finally {
    progress.clear();
    runtime.dispose();
  }
  for (const { label, report } of reports) io.stdout.write(`\n${label}\n${formatSummary(report)}\n`);
  io.stdout.write(
    "\nBoth have the same shape and read the same tokens of a text of ours; other texts, other exponents.\n",
  );
  return exitCode.ok;
}

/** What the trained model was before training: weights from the same law, of the same shape. */
async function randomLike({ config }: Model, runtime: Runtime, engine: Engine): Promise<Model> {
  const { layers, width, heads, vocabulary, context } = config;
  return engine.randomModel("gpt2", { runtime, seed, layers, width, heads, vocabulary, context });
}
