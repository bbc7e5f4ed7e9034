// Weights from a seed. Each tensor, and each row of a table, has a stream of its own: what is generated does not
// depend on what else was.
import { deriveSeed, Random } from "../../base/random.js";
import { sizeOf, type Tensor, tensor } from "../../base/tensor.js";
import type { WeightSource } from "../forward/weights.js";

/** How a tensor is initialised: one value everywhere, or the normal law of mean 0. */
export type Law = { constant: number } | { std: number };

export class RandomWeights implements WeightSource {
  readonly #shapes = new Map<string, readonly number[]>();
  readonly #seed: number;
  readonly #names: (name: string) => boolean;
  readonly #law: (name: string) => Law;

  /**
   * @param names which tensors exist
   * @param law how each is initialised
   */
  constructor(seed: number, names: (name: string) => boolean, law: (name: string) => Law) {
    this.#seed = seed;
    this.#names = names;
    this.#law = law;
  }

  has(name: string): boolean {
    return this.#names(name);
  }

  shape(name: string): readonly number[] | undefined {
    return this.#shapes.get(name);
  }

  require(name: string, shape: readonly number[]): void {
    this.#shapes.set(name, shape);
  }

  async tensor(name: string): Promise<Tensor> {
    const shape = this.#shapes.get(name)!;
    const data = new Float32Array(sizeOf(shape));
    this.#fill(data, name, deriveSeed(this.#seed, name));
    return tensor(data, [...shape]);
  }

  async rows(name: string, ids: readonly number[]): Promise<Tensor> {
    const width = this.#shapes.get(name)![1];
    const data = new Float32Array(ids.length * width);
    for (const [at, id] of ids.entries()) {
      this.#fill(data.subarray(at * width, (at + 1) * width), name, deriveSeed(this.#seed, name, id));
    }
    return tensor(data, [ids.length, width]);
  }

  #fill(data: Float32Array, name: string, seed: number): void {
    const law = this.#law(name);
    if ("constant" in law) data.fill(law.constant);
    else new Random(seed).fillGaussian(data, law.std);
  }
}
