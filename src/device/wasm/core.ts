// The Jacobian of one head in the coordinates of its reduced layer, on the primal that its linearization has made.
import { checkTensor } from "../../base/check.js";
import type { Tensor } from "../../base/tensor.js";
import type { Core, SingularVectors } from "../../spectral/core.js";
import type { HasKrylovSpace, KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { applyKernel } from "./apply.js";
import { Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { WasmKrylovSpace } from "./krylov.js";
import { copyStruct, PRIMAL, ROW, tileColumns } from "./layout.js";
import type { Lockstep } from "./lockstep.js";
import type { Basis, ReducedLayer } from "./reducedLayer.js";

export class WasmCore implements Core, HasKrylovSpace {
  readonly inShape: number[];
  readonly outShape: number[];
  readonly #kernels: Kernels;
  readonly #region: Region;
  readonly #layer: ReducedLayer;
  /** The linearization's primal, but for its layer: queries, keys, values and probabilities are the same. */
  readonly #primal: number;
  readonly #roundoff: number;
  readonly #release: () => void;
  readonly #lockstep?: Lockstep;

  /** @param release called once, by `dispose`: the linearization must live until then */
  constructor(
    kernels: Kernels,
    region: Region,
    layer: ReducedLayer,
    primal: number,
    n: number,
    roundoff: number,
    release: () => void,
    lockstep?: Lockstep,
  ) {
    this.#kernels = kernels;
    this.#region = region;
    this.#layer = layer;
    this.#roundoff = roundoff;
    this.#release = release;
    this.#lockstep = lockstep;
    this.inShape = [n, layer.dIn];
    this.outShape = [n, layer.dOut];
    this.#primal = region.bytes(PRIMAL.bytes, "a linearization");
    // A head is not divided between threads, so that there is little for them to share.
    copyStruct(region.heap, primal, this.#primal, PRIMAL, { layer: layer.at, shared: 0 });
  }

  async jvp(u: Tensor): Promise<Tensor> {
    const { data } = checkTensor("u", u, this.inShape);
    return applyKernel(this.#region.heap, data, this.inShape, this.outShape, (from, to) =>
      this.#kernels.jvp(this.#primal, from, to),
    );
  }

  async vjp(v: Tensor): Promise<Tensor> {
    const { data } = checkTensor("v", v, this.outShape);
    return applyKernel(this.#region.heap, data, this.outShape, this.inShape, (from, to) =>
      this.#kernels.vjp(this.#primal, from, to),
    );
  }

  async krylov(options: KrylovOptions): Promise<KrylovSpace> {
    const region = new Region(this.#region.heap);
    try {
      return new WasmKrylovSpace(
        this.#kernels,
        region,
        this.#primal,
        this,
        options,
        this.#roundoff,
        () => undefined,
        this.#lockstep,
      );
    } catch (error) {
      region.free();
      throw error;
    }
  }

  restrict(u: Tensor): Tensor {
    const { input } = this.#layer;
    return input ? this.#change(u, input.contract, input.features, input.size) : u;
  }

  lift({ left, right }: SingularVectors): SingularVectors {
    const { input, output } = this.#layer;
    const expand = (vectors: Tensor, { expand, size, features }: Basis) =>
      this.#change(vectors, expand, size, features);
    return { left: output ? expand(left, output) : left, right: input ? expand(right, input) : right };
  }

  dispose(): void {
    this.#region.free();
    this.#release();
  }

  /** Tokens of `from` features times a matrix in strips [to × from]. */
  #change({ data, shape: [n] }: Tensor, strips: number, from: number, to: number): Tensor {
    const { heap } = this.#region;
    const columns = tileColumns(heap);
    const tokens = Math.ceil(n / columns) * columns;
    return applyKernel(heap, data, [n, from], [n, to], (source, target) =>
      this.#kernels.multiply(to, tokens, from, strips, source, from * ROW, target, ROW, to * ROW, 0),
    );
  }
}
