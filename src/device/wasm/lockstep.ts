// Operators of one layer at several inputs that wait for each other before each product, so that they take it as one.
import type { WasmDevice, WasmVector } from "./device.js";
import { borrow } from "./heap.js";
import { LOCKSTEP, ROW, tileColumns, writeStruct } from "./layout.js";
import { channelsOf, type LayerSizes } from "./weights.js";

/** A product to be made. */
interface Product {
  readonly primal: number;
  /** Of the primal: an operator and its core differ in it. */
  readonly layer: number;
  readonly transposed: boolean;
  readonly from: WasmVector;
  readonly to: WasmVector;
}

interface Waiting extends Product {
  done(): void;
  fail(error: unknown): void;
}

/**
 * Products are made when every member waits for one; members come and go between them. A member that neither asks for a
 * product nor leaves holds up the others.
 */
export class Lockstep {
  #members = 0;
  #waiting: Waiting[] = [];

  constructor(
    readonly device: WasmDevice,
    readonly sizes: LayerSizes,
  ) {}

  join(): void {
    this.#members++;
  }

  leave(): void {
    this.#members--;
    this.#go();
  }

  /** A product, together with those of all other members. */
  apply(product: Product): Promise<void> {
    return new Promise((done, fail) => {
      this.#waiting.push({ ...product, done, fail });
      this.#go();
    });
  }

  #go(): void {
    if (this.#waiting.length < this.#members) return;
    let ready = this.#waiting;
    this.#waiting = [];
    while (ready.length > 0) {
      const { transposed, layer } = ready[0];
      const together = ready.filter((one) => one.transposed === transposed && one.layer === layer);
      ready = ready.filter((one) => !together.includes(one));
      try {
        this.#take(together, transposed);
        for (const one of together) one.done();
      } catch (error) {
        for (const one of together) one.fail(error);
      }
    }
  }

  #take(together: readonly Waiting[], transposed: boolean): void {
    const { heap, kernels } = this.device;
    if (together.length === 1) {
      const [{ primal, from, to }] = together;
      (transposed ? kernels.vjp : kernels.jvp)(primal, from.at, to.at);
      return;
    }
    const { dIn, dOut, heads, dValue } = this.sizes;
    const channels = channelsOf(this.sizes);
    const count = together.length;
    const columns = tileColumns(heap);
    const panels = together.reduce((sum, { from }) => sum + Math.ceil(from.shape[0] / columns), 0);
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
        primals: words(together.map(({ primal }) => primal)),
        from: words(together.map(({ from }) => from.at)),
        to: words(together.map(({ to }) => to.at)),
        count,
        panels,
        gathered: rows(Math.max(dIn, dOut)),
        products: rows(Math.max(dIn, dOut)),
        channels: rows(channels),
        outputs: rows(heads * dValue),
      });
      (transposed ? kernels.vjpAll : kernels.jvpAll)(at);
    });
  }
}
