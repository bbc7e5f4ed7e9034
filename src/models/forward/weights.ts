// Where an architecture takes its weights from: a checkpoint, or a seeded recipe.
import type { Tensor } from "../../base/tensor.js";

export interface WeightSource {
  has(name: string): boolean;
  /** The shape of a tensor that is there; undefined where it is only known once it was required. */
  shape(name: string): readonly number[] | undefined;
  /** Announces a tensor that will be read, so that what is missing or misshapen is named before any work. */
  require(name: string, shape: readonly number[]): void;
  /** A tensor required before. Its elements are finite. */
  tensor(name: string): Promise<Tensor>;
  /** Rows of a table [rows, width] required before: [ids.length, width], `ids` ascending and distinct. */
  rows(name: string, ids: readonly number[]): Promise<Tensor>;
}

/** Weights in files, which say what is there. */
export interface StoredWeights extends WeightSource {
  names(): Iterable<string>;
  /** The number format of a tensor that is there. */
  dtype(name: string): string | undefined;
}

/**
 * The rows of a table for any ids, each distinct one read once.
 * @returns a function from an id to its row
 */
export async function lookUp(weights: WeightSource, table: string, ids: Iterable<number>) {
  const distinct = [...new Set(ids)].sort((a, b) => a - b);
  const { data, shape } = await weights.rows(table, distinct);
  const width = shape[1];
  const place = new Map(distinct.map((id, at) => [id, at]));
  return (id: number) => {
    const at = place.get(id)!;
    return data.subarray(at * width, (at + 1) * width);
  };
}
