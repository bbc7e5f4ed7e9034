// Measures local Lipschitz constants over parts of layers × lengths × samples of one text, head by head where asked.
import { throwIfAborted } from "../base/check.js";
import type { Tensor } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import type { LinearizableLayer } from "../device/linearization.js";
import type { Model } from "../models/model.js";
import { type Cell, cellsOfLayer, cellsOfModel } from "./cells.js";
import { decide, judgeReport, rowsByPlace } from "./gate.js";
import { inOrder } from "./inOrder.js";
import { measureLayer } from "./measured.js";
import { keysOfRows, type Measure, measureRow } from "./measureRow.js";
import {
  assembleReport,
  isMeasured,
  isOfModel,
  placeOf,
  plannedParts,
  plannedRows,
  type Report,
  type Row,
} from "./report.js";
import { keepRows } from "./resume.js";
import { checkOptions, checkStream, describeSweep, frameOf, type SweepOptions } from "./sweepOptions.js";
import { untilDecided } from "./untilDecided.js";
import { cutWindows } from "./windows.js";

export type { SweepEvent, SweepOptions } from "./sweepOptions.js";

/**
 * Measures the parts asked for, layer by layer, on windows of a text (`windows` says where they lie).
 * The first layer's rows come before the weights of later layers are read or generated.
 * A row that fails is recorded with its error and the rest goes on. Rows come in the same order, and are the same,
 * whatever `concurrency` and `resume` are.
 * @param measure where and how a row is measured; one that uses workers makes its layers there from their source
 * @throws TypeError, RangeError for wrong options, and for a text too short for its windows, before any work; the
 *   signal's reason on abort. The rows measured until then were handed to `onProgress`:
 *   `assembleReport(provenance, rows, false)` makes a report of them, from which `resume` goes on.
 * @example
 * const { rows, fits } = await sweep(model, { tokens: [5, 6, 7, 8], layers: [0], lengths: [2, 4], samples: 1 });
 */
export async function sweep(model: Model, options: SweepOptions, measure: Measure = measureLayer): Promise<Report> {
  const settings = checkOptions(model, options);
  const { layers, lengths, samples, seed, rtol, bracket, words, windows: rule } = settings;
  const { signal, onProgress, resume, gate, concurrency = 1 } = options;
  throwIfAborted(signal);

  const stream = checkStream(model, options);
  const windows = cutWindows(stream, {
    ...{ lengths, samples, rule, seed },
    frame: frameOf(model, settings),
  });
  const provenance = await describeSweep(model, options, settings, stream);
  const kept = resume === undefined ? new Map<string, Row>() : keepRows(resume, provenance, windows);
  const before = gate?.growth ? rowsByPlace(gate.growth.baseline) : new Map<string, never>();
  const total = plannedRows(provenance);
  const rows: Row[] = [];
  const record = (row: Row, resumed: boolean) => {
    rows.push(row);
    onProgress?.({ type: "row", row, done: rows.length, total, resumed });
  };
  const done = (): Report => {
    const report = assembleReport(provenance, rows, true);
    if (words) {
      report.windows = windows.map(({ n, sample, start, tokens }) => {
        return { n, sample, start, text: model.tokenizer!.decode(tokens) };
      });
    }
    return gate ? { ...report, gate: judgeReport(report, gate) } : report;
  };
  onProgress?.({ type: "start", provenance, total });

  const stands = (row: Row) => {
    return !gate || !isMeasured(row) || decide(row, before.get(placeOf(row)), gate) !== "undecided";
  };
  const parts = plannedParts(settings, model.config.heads);
  if (kept.size === total && [...kept.values()].every(stands)) {
    for (const part of parts) for (const at of windows) record(kept.get(placeOf({ ...part, ...at }))!, true);
    return done();
  }

  const asked = { ...(rtol === null ? {} : { rtol }), ...(bracket === null ? {} : { bracket }) };
  const solver = { signal, seed, ...asked };
  const keyOf = keysOfRows(asked);
  const rowOf = async (cell: Cell) => {
    const place = placeOf({ ...cell.source, ...cell.window });
    const old = kept.get(place);
    if (old && stands(old)) return { cell, row: old, resumed: true };
    await turn();
    throwIfAborted(signal);
    let row = await measureRow(measure, cell, solver, keyOf);
    if (gate) {
      const again = (finer: { bracket: number; rtol?: number }) => {
        return measureRow(measure, cell, { ...solver, ...finer }, async () => row.key);
      };
      row = await untilDecided(row, before.get(place), gate, again);
    }
    return { cell, row, resumed: false };
  };
  const run = async (cells: AsyncIterable<Cell> | Iterable<Cell>, made: Set<LinearizableLayer>) => {
    try {
      for await (const { cell, row, resumed } of inOrder(cells, concurrency, rowOf)) {
        record(row, resumed);
        if (made.has(cell.layer) && cell.window === windows.at(-1)) cell.layer.dispose();
      }
    } finally {
      for (const layer of made) layer.dispose();
    }
  };
  const ofModel = parts.filter(({ part }) => isOfModel(part));
  const walked = ofModel.length < parts.length ? layers : [];
  const inputs = windows.map(({ tokens }) => tokens);
  let first: readonly Tensor[] = [];
  const visited = ofModel.length > 0 ? [...new Set([0, ...walked])] : walked;
  for await (const step of model.walk(inputs, { layers: visited, signal })) {
    if (step.layer === 0) first = step.hidden;
    if (!walked.includes(step.layer)) continue;
    const made = new Set<LinearizableLayer>();
    await run(cellsOfLayer(step, parts, windows, made), made);
  }
  const made = new Set<LinearizableLayer>();
  if (ofModel.length > 0) await run(cellsOfModel(model, ofModel, windows, first, made), made);
  return done();
}
