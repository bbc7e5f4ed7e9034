// QK-norm of one head on the host: rows after it, and slopes pulled back through it (docs/theory.md, sections 3 and 14.4).
import type { ResolvedScoreNorm } from "./scoreNorm.js";

export class NormedRows {
  readonly #d: number;
  readonly #gain: Float64Array;
  readonly #centred: boolean;
  /** z = (x − mean)/s of each row, and s. */
  readonly #unit: Float64Array;
  readonly #sizes: Float64Array;

  /** Norms rows [n, d] in place. @param head whose channels of the norm's weights are meant */
  constructor(rows: Float64Array, d: number, { kind, epsilon, gain, bias }: ResolvedScoreNorm, head: number) {
    const n = rows.length / d;
    this.#d = d;
    this.#gain = gain.slice(head * d, (head + 1) * d);
    this.#centred = kind === "layer";
    this.#unit = new Float64Array(n * d);
    this.#sizes = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const row = rows.subarray(i * d, (i + 1) * d);
      const mean = this.#centred ? meanOf(row) : 0;
      let squares = 0;
      for (let c = 0; c < d; c++) squares += (row[c] - mean) ** 2;
      this.#sizes[i] = Math.sqrt(squares / d + epsilon);
      for (let c = 0; c < d; c++) {
        const z = (row[c] - mean) / this.#sizes[i];
        this.#unit[i * d + c] = z;
        row[c] = this.#gain[c] * z + (bias ? bias[head * d + c] : 0);
      }
    }
  }

  /** g ← (the Jacobian of row i)ᵀ g. */
  pull(i: number, g: Float64Array): void {
    const d = this.#d;
    const z = this.#unit.subarray(i * d, (i + 1) * d);
    for (let c = 0; c < d; c++) g[c] *= this.#gain[c];
    const mean = this.#centred ? meanOf(g) : 0;
    let along = 0;
    for (let c = 0; c < d; c++) along += (z[c] * g[c]) / d;
    for (let c = 0; c < d; c++) g[c] = (g[c] - mean - z[c] * along) / this.#sizes[i];
  }
}

function meanOf(row: Float64Array): number {
  let sum = 0;
  for (let c = 0; c < row.length; c++) sum += row[c];
  return sum / row.length;
}
