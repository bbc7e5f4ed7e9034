// Measures local Lipschitz constants over layers × lengths × samples of one text, head by head where asked.
import { throwIfAborted } from "../base/check.js";
import { turn } from "../base/turn.js";
import type { Attention } from "../measure/createRuntime.js";
import { localLipschitz } from "../measure/localLipschitz.js";
import type { Model, WalkStep } from "../models/model.js";
import { inOrder } from "./inOrder.js";
import { type Cell, type Measure, measureRow } from "./measureRow.js";
import { assembleReport, placeOf, plannedRows, type Report, type Row } from "./report.js";
import { keepRows } from "./resume.js";
import { checkOptions, checkStream, describeSweep, type SweepOptions } from "./sweepOptions.js";
import { cutWindows, type Window } from "./windows.js";

export type { SweepEvent, SweepOptions } from "./sweepOptions.js";

/**
 * Measures each layer asked for on windows of a text: sample s of length n starts at token s·n (see cutWindows).
 * Layer by layer: the first layer's rows come before the weights of later layers are read or generated.
 * A row that fails is recorded with its error and the rest goes on. Rows come in the same order, and are the same,
 * whatever `concurrency` and `resume` are.
 * @param measure where and how a row is measured; one that uses workers makes its layers there from their source
 * @throws TypeError, RangeError for wrong options, before any work; the signal's reason on abort. The rows measured
 *   until then were handed to `onProgress`: `assembleReport(provenance, rows, false)` makes a report of them, from
 *   which `resume` goes on.
 * @example
 * const { rows, fits } = await sweep(model, { tokens: [5, 6, 7, 8], layers: [0], lengths: [2, 4], samples: 2 });
 */
export async function sweep(model: Model, options: SweepOptions, measure: Measure = localLipschitz): Promise<Report> {
  const settings = checkOptions(model, options);
  const { layers, lengths, samples, seed, rtol, bracket, bos } = settings;
  const { signal, onProgress, resume, concurrency = 1 } = options;
  throwIfAborted(signal);

  const stream = checkStream(model, options);
  const plan = { lengths, samples, bosToken: bos ? model.config.bosToken : undefined };
  const windows = cutWindows(stream, plan);
  const provenance = await describeSweep(model, options, settings, stream, plan);
  const kept = resume === undefined ? new Map<string, Row>() : keepRows(resume, provenance, windows);
  const total = plannedRows(provenance);
  const rows: Row[] = [];
  const record = (row: Row, resumed: boolean) => {
    rows.push(row);
    onProgress?.({ type: "row", row, done: rows.length, total, resumed });
  };
  onProgress?.({ type: "start", provenance, total });

  const parts = [null, ...(settings.heads ? Array.from({ length: model.config.heads }, (_, head) => head) : [])];
  if (kept.size === total) {
    const places = layers.flatMap((layer) => parts.flatMap((head) => windows.map((at) => ({ layer, head, ...at }))));
    for (const place of places) record(kept.get(placeOf(place))!, true);
    return assembleReport(provenance, rows, true);
  }

  const solver = { signal, seed, ...(rtol === null ? {} : { rtol }), ...(bracket === null ? {} : { bracket }) };
  const rowOf = async (cell: Cell) => {
    const old = kept.get(placeOf({ ...cell.source, ...cell.window }));
    if (old) return { cell, row: old, resumed: true };
    await turn();
    throwIfAborted(signal);
    return { cell, row: await measureRow(measure, cell, solver), resumed: false };
  };
  const inputs = windows.map(({ tokens }) => tokens);
  for await (const step of model.walk(inputs, { layers, signal })) {
    const heads = new Set<Attention>();
    try {
      for await (const { cell, row, resumed } of inOrder(cellsOf(step, parts, windows, heads), concurrency, rowOf)) {
        record(row, resumed);
        if (heads.has(cell.attention) && cell.window === windows.at(-1)) cell.attention.dispose();
      }
    } finally {
      for (const head of heads) head.dispose();
    }
  }
  return assembleReport(provenance, rows, true);
}

/** The cells of a layer, by head and then by window; each head is made when its first cell is taken. */
function* cellsOf(
  { layer, attention, specFor, inputs }: WalkStep,
  parts: readonly (number | null)[],
  windows: readonly Window[],
  heads: Set<Attention>,
): Generator<Cell, void> {
  for (const head of parts) {
    const part = head === null ? attention : attention.head(head);
    if (head !== null) heads.add(part);
    for (const [at, window] of windows.entries()) {
      yield { attention: part, source: { layer, head, spec: specFor(inputs[at].shape[0]) }, window, x: inputs[at] };
    }
  }
}
