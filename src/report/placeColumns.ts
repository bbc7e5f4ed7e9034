// The columns that say which part of the model a row, or a fit, is of: as many as a report needs.
import { isOfModel, type Part } from "../analysis/report.js";

/** What a report holds beside whole attention layers. */
export interface Shown {
  heads?: boolean;
  parts?: boolean;
}

export interface PlaceColumn {
  readonly title: "layer" | "part" | "head";
  cell(part: Part): string;
}

const layer: PlaceColumn = { title: "layer", cell: ({ layer, part }) => (isOfModel(part) ? "all" : String(layer)) };
const part: PlaceColumn = { title: "part", cell: ({ part }) => part };
const head: PlaceColumn = { title: "head", cell: ({ head }) => (head === null ? "all" : String(head)) };

export function placeColumns({ heads = false, parts = false }: Shown): PlaceColumn[] {
  return [layer, ...(parts ? [part] : []), ...(heads ? [head] : [])];
}

/** What these rows need. */
export function shownOf(rows: readonly Part[], heads: boolean): Shown {
  return { heads, parts: rows.some(({ part }) => part !== "attention") };
}
