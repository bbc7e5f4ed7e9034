// The f64 companion of an f32 device: kernels of its own in a memory of its own, made when they are first asked for.
import type { LayerMaker } from "../deviceLayer.js";

/** A runtime in f64. */
interface RuntimeInDoubles {
  readonly make: LayerMaker;
  readonly memoryUsed: number;
  dispose(): void;
}

export class Doubles {
  readonly #create: () => Promise<RuntimeInDoubles>;
  #pending?: Promise<RuntimeInDoubles>;
  #runtime?: RuntimeInDoubles;
  /** Bytes that it has when nothing is made on it. */
  #empty = 0;
  #disposed = false;

  constructor(create: () => Promise<RuntimeInDoubles>) {
    this.#create = create;
  }

  /** @throws DeviceError or OutOfMemoryError */
  async maker(): Promise<LayerMaker> {
    this.#pending ??= this.#begin();
    return (await this.#pending).make;
  }

  /** Bytes of what was made on it. */
  get memoryUsed(): number {
    return this.#runtime ? this.#runtime.memoryUsed - this.#empty : 0;
  }

  dispose(): void {
    this.#disposed = true;
    this.#runtime?.dispose();
    this.#runtime = undefined;
  }

  async #begin(): Promise<RuntimeInDoubles> {
    try {
      const runtime = await this.#create();
      if (this.#disposed) runtime.dispose();
      this.#empty = runtime.memoryUsed;
      this.#runtime = runtime;
      return runtime;
    } catch (error) {
      this.#pending = undefined;
      throw error;
    }
  }
}
