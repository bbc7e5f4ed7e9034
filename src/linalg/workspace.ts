// Room for matrices of doubles in one array, and products between parts of them: in plain loops here, or in kernels
// (src/device/wasm/workspace.ts). Entry (r, c) of a part lies at + r·row + c·column.

/** A part of the workspace, read as a matrix. */
export interface Part {
  readonly at: number;
  readonly row: number;
  readonly column: number;
}

export interface Workspace {
  /** Multiply-adds that are about ten seconds' work. */
  readonly mostWork: number;
  /** Takes `count` numbers, zeros; returns where they lie. Views taken before may be dead afterwards. */
  take(count: number, what: string): number;
  /** A view of `count` numbers. */
  view(at: number, count: number): Float64Array;
  /** c ← a·b, or c ← c + a·b, for a [m, k], b [k, n] and c [m, n], whose columns lie side by side. */
  multiply(m: number, n: number, k: number, a: Part, b: Part, c: Part, accumulate: boolean): void;
}

/** The part of a row-major matrix of `width` columns that begins at row r and column c. */
export function part(at: number, width: number, r = 0, c = 0): Part {
  return { at: at + r * width + c, row: width, column: 1 };
}

/** The same, transposed. */
export function turned({ at, row, column }: Part): Part {
  return { at, row: column, column: row };
}

/** In plain loops. */
export function hostWorkspace(): Workspace {
  let space = new Float64Array(1024);
  let used = 0;
  return {
    mostWork: 4e9,
    take(count) {
      const at = used;
      used += count;
      if (used > space.length) {
        const larger = new Float64Array(Math.max(used, 2 * space.length));
        larger.set(space);
        space = larger;
      }
      return at;
    },
    view: (at, count) => space.subarray(at, at + count),
    multiply(m, n, k, a, b, c, accumulate) {
      const row = new Float64Array(n);
      for (let i = 0; i < m; i++) {
        const to = c.at + i * c.row;
        if (accumulate) for (let j = 0; j < n; j++) row[j] = space[to + j];
        else row.fill(0);
        for (let l = 0; l < k; l++) {
          const factor = space[a.at + i * a.row + l * a.column];
          if (factor === 0) continue;
          for (let j = 0, at = b.at + l * b.row; j < n; j++, at += b.column) row[j] += factor * space[at];
        }
        for (let j = 0; j < n; j++) space[to + j] = row[j];
      }
    },
  };
}
