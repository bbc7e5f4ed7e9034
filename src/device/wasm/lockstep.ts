// Solvers of one layer at several inputs that wait for each other before each step, so that they take it as one.
import { borrow, type Heap } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { LOCKSTEP, ROW, writeStruct } from "./layout.js";
import type { LayerSizes } from "./weights.js";

/** A space that is ready for step k. */
interface Waiting {
  readonly space: number;
  readonly k: number;
  readonly transposed: boolean;
  readonly panels: number;
  done(): void;
  fail(error: unknown): void;
}

/**
 * A step is taken when every member waits for one; members come and go between steps. A member that neither asks for a
 * step nor leaves holds up the others.
 */
export class Lockstep {
  #members = 0;
  #waiting: Waiting[] = [];

  constructor(
    readonly kernels: Kernels,
    readonly heap: Heap,
    readonly sizes: LayerSizes,
  ) {}

  join(): void {
    this.#members++;
  }

  leave(): void {
    this.#members--;
    this.#go();
  }

  /** Step k of the Krylov space at an address, together with those of all other members. */
  step(space: number, k: number, transposed: boolean, panels: number): Promise<void> {
    return new Promise((done, fail) => {
      this.#waiting.push({ space, k, transposed, panels, done, fail });
      this.#go();
    });
  }

  #go(): void {
    if (this.#waiting.length < this.#members) return;
    const ready = this.#waiting;
    this.#waiting = [];
    for (const transposed of [false, true]) {
      const together = ready.filter((one) => one.transposed === transposed);
      if (together.length === 0) continue;
      try {
        this.#take(together);
        for (const one of together) one.done();
      } catch (error) {
        for (const one of together) one.fail(error);
      }
    }
  }

  #take(together: readonly Waiting[]): void {
    const [first] = together;
    if (together.length === 1) {
      this.kernels.bidiagonalize(first.space, first.k);
      return;
    }
    const { heap } = this;
    const { dIn, dOut, heads, kvHeads, dHead, dValue } = this.sizes;
    const channels = heads * dHead + kvHeads * (dHead + dValue);
    const count = together.length;
    const panels = together.reduce((sum, one) => sum + one.panels, 0);
    const what = "the work space of several inputs";
    borrow(heap, (work) => {
      const rows = (features: number) => work.bytes(panels * features * ROW, what);
      const words = (values: number[]) => {
        const at = work.bytes(count * 4, what);
        new Uint32Array(heap.memory.buffer, at, count).set(values);
        return at;
      };
      const at = work.bytes(LOCKSTEP.bytes, what);
      writeStruct(heap, at, LOCKSTEP, {
        spaces: words(together.map((one) => one.space)),
        steps: words(together.map((one) => one.k)),
        count,
        panels,
        from: rows(Math.max(dIn, dOut)),
        to: rows(Math.max(dIn, dOut)),
        channels: rows(channels),
        outputs: rows(heads * dValue),
      });
      this.kernels.bidiagonalizeAll(at);
    });
  }
}
