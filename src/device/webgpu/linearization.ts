// The Jacobian of attention at one input on WebGPU: the primal once, then products with J and Jᵀ that reuse it.
import { checkFinite, checkTensor, throwIfDisposed, wrongValue } from "../../check.js";
import type { Linearization } from "../../layer.js";
import type { BlockNormOptions } from "../../linearization/blockNorms.js";
import type { HasPattern } from "../../spectral/guess.js";
import type { HasKrylovSpace, KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { spectralNorm } from "../../spectral/spectralNorm.js";
import { type Tensor, type TensorLike, tensor } from "../../tensor.js";
import type { Batch } from "./batch.js";
import { denseBlockNorms, denseRows, entryNorms } from "./denseRows.js";
import type { Gpu } from "./gpu.js";
import { KRYLOV_KERNELS, WebGpuKrylovSpace } from "./krylov.js";
import { type Region, range, type View, write } from "./memory.js";
import { kernelsFor, Primal } from "./primal.js";
import type { LayerSizes, LayerWeights } from "./weights.js";

/** For `norm(2)`, which has no status to report that its steps ran out. */
const NORM_STEPS = 1000;

/** The layer that a linearization belongs to. */
export interface Owner {
  readonly identity: object;
  /** Called once, when the weights are no longer read. */
  release(): void;
  /** The layer at a single token, where attention is the identity. */
  valueMap(): Promise<Linearization>;
}

export class WebGpuLinearization implements Linearization, HasKrylovSpace, HasPattern {
  readonly inShape: number[];
  readonly outShape: number[];
  readonly #gpu: Gpu;
  readonly #region: Region;
  readonly #primal: Primal;
  readonly #owner: Owner;
  readonly #roundoff: number;
  #entryNorms?: ReturnType<typeof entryNorms>;
  #users = 1;
  #disposed = false;

  private constructor(
    gpu: Gpu,
    region: Region,
    primal: Primal,
    owner: Owner,
    readonly output: Tensor,
    maxScore: number,
  ) {
    this.#gpu = gpu;
    this.#region = region;
    this.#primal = primal;
    this.#owner = owner;
    this.inShape = [...primal.inShape];
    this.outShape = [...primal.outShape];
    // MATH 10.4: relative error ~ 1e-5 for |logit| < 100, |logit|·1e-7 beyond, in f32.
    this.#roundoff = Math.max(1e-5, maxScore * 1e-7);
  }

  /** @throws RangeError where the scores or the output overflow f32; then `owner.release` is the caller's to call */
  static async create(gpu: Gpu, sizes: LayerSizes, weights: LayerWeights, input: Tensor, owner: Owner) {
    await gpu.prepare(kernelsFor("forward", sizes.kind));
    const region = gpu.region();
    try {
      const primal = new Primal(region, sizes, weights, input);
      const [output, statistics] = await gpu.run(
        (batch) => primal.recordForward(batch),
        [primal.range, primal.statistics],
        region,
      );
      let maxScore = 0;
      for (let at = 0; at < statistics.length; at += 4) {
        // A comparison with NaN is false: whatever is not a finite number must end up refused.
        if (!(statistics[at + 2] <= maxScore)) maxScore = statistics[at + 2];
        if (!Number.isFinite(maxScore) || !Number.isFinite(statistics[at + 1])) {
          throw new RangeError(
            '"x": the attention scores overflow f32; use dtype f64 (on WASM), or scale x or the weights down',
          );
        }
      }
      const shape = [primal.n, sizes.dOut];
      checkFinite("the layer's output (an overflow: scale x or the weights down)", output, shape);
      return new WebGpuLinearization(gpu, region, primal, owner, tensor(output, shape), maxScore);
    } catch (error) {
      region.free();
      throw error;
    }
  }

  async jvp(u: TensorLike): Promise<Tensor> {
    const { data } = checkTensor("u", u, this.inShape);
    const { domain, range: to } = this.#primal;
    return this.#apply("jvp", domain, data, to, this.outShape, (batch) => this.#primal.recordJvp(batch, domain, to));
  }

  async vjp(v: TensorLike): Promise<Tensor> {
    const { data } = checkTensor("v", v, this.outShape);
    const { domain, range: from } = this.#primal;
    return this.#apply("vjp", from, data, domain, this.inShape, (batch) => this.#primal.recordVjp(batch, from, domain));
  }

  /** Row by row: see denseRows.ts. */
  async toDense(): Promise<Tensor> {
    const { n, sizes } = this.#primal;
    const shape = [n * sizes.dOut, n * sizes.dIn];
    await this.#prepare("vjp");
    const data = new Float32Array(shape[0] * shape[1]);
    return this.#held(async () => {
      for await (const rows of denseRows(this.#gpu, this.#primal, 0, shape[0]))
        data.set(rows.data, rows.row * shape[1]);
      checkFinite("the dense Jacobian", data, shape);
      return tensor(data, shape);
    });
  }

  async norm(order: number | "fro"): Promise<number> {
    this.#throwIfDisposed();
    if (order === 2) return (await spectralNorm(this, { maxSteps: NORM_STEPS })).sigma;
    if (order !== 1 && order !== Number.POSITIVE_INFINITY && order !== "fro") {
      throw wrongValue("order", '1, 2, Infinity or "fro"', order);
    }
    await this.#prepare("vjp");
    this.#entryNorms ??= this.#held(() => entryNorms(this.#gpu, this.#primal));
    const { one, infinity, frobenius } = await this.#entryNorms;
    return order === 1 ? one : order === "fro" ? frobenius : infinity;
  }

  async blockNorms(options: BlockNormOptions = {}): Promise<Tensor> {
    this.#throwIfDisposed();
    const { n } = this.#primal;
    await this.#prepare("vjp");
    return this.#held(async () =>
      tensor(await denseBlockNorms(this.#gpu, this.#primal, this.#roundoff, options), [n, n]),
    );
  }

  async gradient(u: TensorLike, v: TensorLike): Promise<Tensor> {
    const right = checkTensor("u", u, this.inShape);
    const left = checkTensor("v", v, this.outShape);
    await this.#prepare("gradient");
    const { domain, range: from } = this.#primal;
    const work = this.#gpu.region();
    try {
      const space = this.#primal.gradientSpace(work);
      write(this.#gpu.device, domain, right.data);
      write(this.#gpu.device, from, left.data);
      const record = (batch: Batch) => this.#primal.recordGradient(batch, space, domain, from, domain);
      const [result] = await this.#gpu.run(record, [domain], work);
      checkFinite("the gradient", result, this.inShape);
      return tensor(result, [...this.inShape]);
    } finally {
      work.free();
    }
  }

  async krylov(options: KrylovOptions): Promise<KrylovSpace> {
    this.#throwIfDisposed();
    const { kind } = this.#primal.sizes;
    this.#users++;
    try {
      await this.#gpu.prepare([...kernelsFor("jvp", kind), ...kernelsFor("vjp", kind), ...KRYLOV_KERNELS]);
      return new WebGpuKrylovSpace(this.#gpu, this.#primal, options, this.#roundoff, () => this.#free());
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  /** Two power iterations on the pattern averaged over heads, from equal weights; see src/spectral/guess.ts. */
  async patternDirection(): Promise<Float64Array> {
    this.#throwIfDisposed();
    const { n } = this.#primal;
    await this.#prepare("patterns");
    const work = this.#gpu.region();
    try {
      const queries = work.upload(new Float32Array(n).fill(1), "a vector");
      const keys = work.words(n, "a vector");
      const [direction] = await this.#gpu.run(
        (batch) => {
          this.#primal.recordPatterns(batch, true, queries, keys);
          this.#primal.recordPatterns(batch, false, keys, queries);
          this.#primal.recordPatterns(batch, true, queries, keys);
        },
        [keys],
        work,
      );
      const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
      return Float64Array.from(direction, (value) => (norm > 0 ? value / norm : 0));
    } finally {
      work.free();
    }
  }

  /** The layer at a single token: its value and output maps as one operator. */
  async valueMap(): Promise<Linearization> {
    this.#throwIfDisposed();
    return this.#owner.valueMap();
  }

  /** The same object for every linearization of a layer. */
  get layerIdentity(): object {
    return this.#owner.identity;
  }

  /** [heads, n, n], made and read back some rows at a time. */
  async probabilities(): Promise<Tensor> {
    this.#throwIfDisposed();
    const { n, sizes } = this.#primal;
    const data = new Float32Array(sizes.heads * n * n);
    await this.#prepare("probabilities");
    const atOnce = Math.min(n, 65535, Math.max(1, Math.floor(2 ** 24 / n)));
    const work = this.#gpu.region();
    try {
      const block = work.words(atOnce * n, "rows of probabilities");
      for (let head = 0; head < sizes.heads; head++) {
        for (let first = 0; first < n; first += atOnce) {
          const count = Math.min(atOnce, n - first);
          const record = (batch: Batch) => this.#primal.recordProbabilities(batch, head, first, count, block);
          const [rows] = await this.#gpu.run(record, [range(block, 0, count * n)], work);
          data.set(rows, (head * n + first) * n);
          this.#throwIfDisposed();
        }
      }
      return tensor(data, [sizes.heads, n, n]);
    } finally {
      work.free();
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#free();
  }

  async #apply(
    work: "jvp" | "vjp",
    from: View,
    data: Float32Array | Float64Array,
    to: View,
    shape: number[],
    record: (batch: Batch) => void,
  ): Promise<Tensor> {
    await this.#prepare(work);
    write(this.#gpu.device, from, data);
    const [result] = await this.#gpu.run(record, [to]);
    checkFinite("a product with the Jacobian", result, shape);
    return tensor(result, [...shape]);
  }

  async #prepare(work: Parameters<typeof kernelsFor>[0]): Promise<void> {
    this.#throwIfDisposed();
    await this.#gpu.prepare(kernelsFor(work, this.#primal.sizes.kind));
    this.#throwIfDisposed();
  }

  /** Keeps the memory until `use` is done, even if disposed of meanwhile. */
  async #held<T>(use: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await use();
    } finally {
      this.#free();
    }
  }

  #throwIfDisposed(): void {
    throwIfDisposed("linearization", this.#disposed);
  }

  #free(): void {
    if (--this.#users > 0) return;
    this.#region.free();
    this.#owner.release();
  }
}
