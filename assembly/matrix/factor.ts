// An orthonormal basis of a few long columns, and their coordinates in it.
import { ENOUGH, NEGLIGIBLE, dot, normalize, project, vector } from "../vectors";

/**
 * W = Q·R by classical Gram–Schmidt, repeated for a column that the first pass shortens much. The `count` columns of W,
 * n numbers each in whole registers, are overwritten by Q's; the upper triangle of R is written column by column, f64.
 * A column that depends on earlier ones leaves a zero column in Q and a zero on R's diagonal. `work` holds `count` f64.
 */
export function factorize(n: i32, table: usize, count: i32, r: usize, work: usize): void {
  for (let k = 0; k < count; k++) {
    const w = vector(table, k);
    const before = Math.sqrt(dot(n, w, w));
    project(n, table, k, w, r);
    if (Math.sqrt(dot(n, w, w)) < ENOUGH * before) {
      project(n, table, k, w, work);
      for (let i: usize = 0; i < <usize>k << 3; i += 8) store<f64>(r + i, load<f64>(r + i) + load<f64>(work + i));
    }
    store<f64>(r + (<usize>k << 3), normalize(n, w, NEGLIGIBLE * before));
    r += <usize>count << 3;
  }
}
