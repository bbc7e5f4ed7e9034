// howsmooth bounds: what theory says of each layer, beside what is measured.
import { boundsOfModel } from "../analysis/boundsOfModel.js";
import { version } from "../base/version.js";
import { formatBoundsHeader, formatBoundsRow } from "../report/boundsTable.js";
import { bounds as command } from "./commands.js";
import type { Engine } from "./engine.js";
import type { CommandLine } from "./flags.js";
import { exitCode, type IO } from "./io.js";
import { fitToModel, readModelOnText } from "./modelOnText.js";
import { openModel } from "./open.js";
import { createProgress } from "./progress.js";
import { UsageError } from "./usage.js";

const defaultLengths = [8, 32];

export async function bounds(line: CommandLine, io: IO, engine: Engine): Promise<number> {
  const [source, ...rest] = line.operands;
  if (rest.length > 0) {
    throw new UsageError(`expected one model, got ${rest.length} more: ${rest.join(" ")}`, command.name);
  }
  const asked = readModelOnText(line, source, command.name);
  const encode = await asked.read();
  const json = line.has("json");
  const progress = createProgress(io.stderr, io.now);
  const runtime = await engine.createRuntime({
    device: line.oneOf("device", "auto", "wasm", "webgpu"),
    dtype: line.oneOf("dtype", "f32", "f64"),
  });
  try {
    const model = await openModel(asked, runtime, progress, io, engine);
    try {
      const every = Array.from({ length: model.layers }, (_, layer) => layer);
      const defaults = { layers: every, lengths: defaultLengths };
      const chosen = fitToModel(asked, model.config, defaults, command.name);
      if (!json) io.stdout.write(`${formatBoundsHeader()}\n`);
      const total = chosen.layers.length * chosen.lengths.length;
      progress.show(0, `layer ${chosen.layers[0]}`);
      let done = 0;
      const rows = await boundsOfModel(model, {
        ...chosen,
        tokens: encode(model),
        seed: asked.seed,
        signal: io.signal,
        onRow(row) {
          progress.clear();
          if (!json) io.stdout.write(`${formatBoundsRow(row)}\n`);
          done++;
          if (done < total) progress.show(done / total, `layer ${row.layer}`);
        },
      });
      if (json) {
        const settings = { ...chosen, seed: asked.seed, text: asked.textName };
        const { source, hashes } = model.origin;
        const origin = hashes ? { source, files: await hashes() } : { source };
        const all = { howsmooth: version, runtime: runtime.info, model: origin, settings, rows };
        io.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
      }
      return exitCode.ok;
    } finally {
      model.dispose();
    }
  } finally {
    progress.clear();
    runtime.dispose();
  }
}
