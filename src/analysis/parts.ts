// The parts of a model that rows are of, and their names.

/** What was measured of a model: docs/theory.md says what each includes. */
export type PartName = (typeof partNames)[number];

/** "normed-model" is the model through the norm behind its last block, where it has one. */
export const partNames = ["attention", "normed-attention", "feed-forward", "block", "model", "normed-model"] as const;

export function isOfModel(part: PartName): part is "model" | "normed-model" {
  return part === "model" || part === "normed-model";
}

/** A part of a layer, one head of its attention, or the whole model. */
export interface Part {
  /** Of the whole model 0, where it begins. */
  layer: number;
  part: PartName;
  /** One head alone, without the output map's bias; null for all of it. */
  head: number | null;
}

/** The rows of each part, in the order in which they first come. */
export function groupByPart<T extends Part>(rows: readonly T[]): (Part & { rows: T[] })[] {
  return groupBy(rows, partOf).map((rows) => {
    const [{ layer, part, head }] = rows;
    return { layer, part, head, rows };
  });
}

/** Entries of the same key together, the groups in the order in which they first come. */
export function groupBy<T>(entries: readonly T[], keyOf: (entry: T) => string | number): T[][] {
  const groups = new Map<string | number, T[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry));
    if (group) group.push(entry);
    else groups.set(keyOf(entry), [entry]);
  }
  return [...groups.values()];
}

/** As in "layer 3", which is its attention, "layer 3, head 1", "layer 3, block" or "model". */
export function partOf({ layer, part = "attention", head }: Omit<Part, "part"> & { part?: PartName }): string {
  if (isOfModel(part)) return part;
  const name = part === "attention" ? "" : `, ${part}`;
  return `layer ${layer}${name}${head === null ? "" : `, head ${head}`}`;
}

/** As in "layer 3, head 1, n 64, sample 0". */
export function placeOf(row: Omit<Part, "part"> & { part?: PartName; n: number; sample: number }): string {
  return `${partOf(row)}, n ${row.n}, sample ${row.sample}`;
}

/** The parts of a sweep in the order of its rows: by layer, part and head, and then the whole model. */
export function plannedParts(
  { of, layers, heads }: { of: readonly PartName[]; layers: readonly number[]; heads: boolean },
  count: number,
): Part[] {
  const ofLayers = of.filter((part) => !isOfModel(part));
  const each = (part: PartName) => [
    null,
    ...(heads && part === "attention" ? Array.from({ length: count }, (_, at) => at) : []),
  ];
  return [
    ...layers.flatMap((layer) => ofLayers.flatMap((part) => each(part).map((head) => ({ layer, part, head })))),
    ...of.filter(isOfModel).map((part) => ({ layer: 0, part, head: null })),
  ];
}
