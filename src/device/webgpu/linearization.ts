// The Jacobian of attention at one input on WebGPU: the primal once, then products with J and Jᵀ that reuse it.

import { checkFinite, checkTensor, throwIfDisposed, wrongValue } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { BlockNormOptions } from "../../jacobian/blockNorms.js";
import { hostPrimal } from "../../jacobian/hostPrimal.js";
import { type LocalBounds, upperBound } from "../../jacobian/upperBound.js";
import type { HasPattern } from "../../spectral/guess.js";
import type { HasKrylovSpace, KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { spectralNorm } from "../../spectral/spectralNorm.js";
import type { Linearization } from "../linearization.js";
import type { Batch } from "./batch.js";
import { denseBlockNorms, denseRows, entryNorms } from "./denseRows.js";
import type { Gpu } from "./gpu.js";
import type { LayerInDoubles } from "./inDoubles.js";
import type { Kernel } from "./kernel.js";
import { KRYLOV_KERNELS, type KrylovOwner, WebGpuKrylovSpace } from "./krylov.js";
import { type Region, range, rounded, write } from "./memory.js";
import { kernelsFor, Primal, type Work } from "./primal.js";
import { downloadWeights, type LayerSizes, type LayerWeights } from "./weights.js";

/** For `norm(2)`, which has no status to report that its steps ran out. */
const NORM_STEPS = 1000;

/** The layer that a linearization belongs to. */
export interface Owner {
  readonly identity: object;
  /** The layer on the CPU, where one application at this input is quickly done there. */
  readonly inDoubles?: LayerInDoubles;
  /** Called once, when the weights are no longer read. */
  release(): void;
  /** The layer at a single token, where attention is the identity. */
  valueMap(): Promise<Linearization>;
}

export class WebGpuLinearization extends Held implements Linearization, HasKrylovSpace, HasPattern {
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
    super();
    this.#gpu = gpu;
    this.#region = region;
    this.#primal = primal;
    this.#owner = owner;
    this.inShape = [...primal.inShape];
    this.outShape = [...primal.outShape];
    // MATH 10.4b: relative error ~ 1e-5 for centred |score| < 100, |score|·1e-7 beyond, in f32.
    this.#roundoff = Math.max(1e-5, maxScore * 1e-7);
  }

  /** @throws RangeError where the scores or the output overflow f32; then `owner.release` is the caller's to call */
  static async create(gpu: Gpu, sizes: LayerSizes, weights: LayerWeights, input: Tensor, owner: Owner) {
    await gpu.prepare(kernelsFor("forward", sizes, input.shape[0]));
    const region = gpu.region();
    try {
      const primal = new Primal(region, sizes, weights, input);
      const [output, summary] = await gpu.run(
        (batch) => primal.recordForward(batch),
        [primal.range, primal.summary],
        region,
      );
      if (summary.includes(-1)) {
        throw new RangeError(
          '"x": the attention scores overflow f32; use dtype f64 (on WASM), or scale x or the weights down',
        );
      }
      const maxScore = Math.max(...summary);
      const shape = [primal.n, sizes.dOut];
      checkFinite("the layer's output (an overflow: scale x or the weights down)", output, shape);
      return new WebGpuLinearization(gpu, region, primal, owner, tensor(output, shape), maxScore);
    } catch (error) {
      region.free();
      throw error;
    }
  }

  async jvp(u: TensorLike): Promise<Tensor> {
    const data = rounded(checkTensor("u", u, this.inShape));
    const { domain, range: to } = this.#primal;
    return this.#held("jvp", async () => {
      write(this.#gpu.device, domain, data);
      const record = (batch: Batch) => this.#primal.recordJvp(batch, domain, to);
      return result("J u", await this.#gpu.run(record, [to]), this.outShape);
    });
  }

  async vjp(v: TensorLike): Promise<Tensor> {
    const data = rounded(checkTensor("v", v, this.outShape));
    const { domain: to, range: from } = this.#primal;
    return this.#held("vjp", async () => {
      write(this.#gpu.device, from, data);
      const record = (batch: Batch) => this.#primal.recordVjp(batch, from, to);
      return result("Jᵀ v", await this.#gpu.run(record, [to]), this.inShape);
    });
  }

  /** Row by row: see denseRows.ts. */
  async toDense(): Promise<Tensor> {
    const { n, sizes } = this.#primal;
    const shape = [n * sizes.dOut, n * sizes.dIn];
    return this.#held("vjp", async () => {
      const data = new Float32Array(shape[0] * shape[1]);
      for await (const rows of denseRows(this.#gpu, this.#primal, 0, shape[0])) {
        data.set(rows.data, rows.row * shape[1]);
      }
      return result("the dense Jacobian", [data], shape);
    });
  }

  async norm(order: number | "fro"): Promise<number> {
    this.#throwIfDisposed();
    if (order === 2) return (await spectralNorm(this, { maxSteps: NORM_STEPS })).sigma;
    if (order !== 1 && order !== Number.POSITIVE_INFINITY && order !== "fro") {
      throw wrongValue("order", '1, 2, Infinity or "fro"', order);
    }
    this.#entryNorms ??= this.#held("vjp", () => entryNorms(this.#gpu, this.#primal));
    const { one, infinity, frobenius } = await this.#entryNorms;
    return order === 1 ? one : order === "fro" ? frobenius : infinity;
  }

  async blockNorms(options: BlockNormOptions = {}): Promise<Tensor> {
    const { n } = this.#primal;
    return this.#held("vjp", async () => {
      return tensor(await denseBlockNorms(this.#gpu, this.#primal, this.#roundoff, options), [n, n]);
    });
  }

  async gradient(u: TensorLike, v: TensorLike): Promise<Tensor> {
    const right = rounded(checkTensor("u", u, this.inShape));
    const left = rounded(checkTensor("v", v, this.outShape));
    const { domain, range: from } = this.#primal;
    return this.#held("gradient", async (scratch) => {
      const space = this.#primal.gradientSpace(scratch);
      write(this.#gpu.device, domain, right);
      write(this.#gpu.device, from, left);
      const record = (batch: Batch) => this.#primal.recordGradient(batch, space, domain, from, domain);
      return result("the gradient", await this.#gpu.run(record, [domain], scratch), this.inShape);
    });
  }

  async upperBound(): Promise<LocalBounds> {
    const { input, weights, sizes } = this.#primal;
    return this.#held(undefined, async () => {
      const spec = await downloadWeights(this.#gpu, weights, sizes);
      const [x] = await this.#gpu.run(() => undefined, [input]);
      return upperBound(hostPrimal(spec, x), this.#owner.identity);
    });
  }

  async krylov(options: KrylovOptions): Promise<KrylovSpace> {
    this.#throwIfDisposed();
    this.#users++;
    try {
      await this.#gpu.prepare([...this.#kernels("jvp"), ...this.#kernels("vjp"), ...KRYLOV_KERNELS]);
      const owner: KrylovOwner = {
        certify: (v) => this.#owner.inDoubles && this.#certify(this.#owner.inDoubles, v, options.transposed),
        release: () => this.#free(),
      };
      return new WebGpuKrylovSpace(this.#gpu, this.#primal, options, this.#roundoff, owner);
    } catch (error) {
      this.#free();
      throw error;
    }
  }

  /** Four power iterations on the pattern averaged over heads, from equal weights; see src/spectral/guess.ts. */
  async patternDirection(): Promise<Float64Array> {
    const { n } = this.#primal;
    return this.#held("patterns", async (scratch) => {
      const queries = scratch.upload(new Float32Array(n).fill(1), "a vector");
      const keys = scratch.words(n, "a vector");
      const record = (batch: Batch) => {
        for (let iteration = 0; iteration < 4; iteration++) {
          if (iteration > 0) this.#primal.recordPatterns(batch, false, keys, queries);
          this.#primal.recordPatterns(batch, true, queries, keys);
        }
      };
      const [direction] = await this.#gpu.run(record, [keys], scratch);
      const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
      return Float64Array.from(direction, (value) => (norm > 0 ? value / norm : 0));
    });
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
    const { n, sizes } = this.#primal;
    return this.#held("probabilities", async (scratch) => {
      const data = new Float32Array(sizes.heads * n * n);
      const atOnce = Math.min(n, 65535, Math.max(1, Math.floor(2 ** 24 / (n * sizes.heads))));
      const block = scratch.words(sizes.heads * atOnce * n, "rows of probabilities");
      for (let first = 0; first < n; first += atOnce) {
        const count = Math.min(atOnce, n - first);
        const record = (batch: Batch) => this.#primal.recordProbabilities(batch, first, count, block);
        const [rows] = await this.#gpu.run(record, [range(block, 0, sizes.heads * count * n)], scratch);
        for (let head = 0; head < sizes.heads; head++) {
          data.set(rows.subarray(head * count * n, (head + 1) * count * n), (head * n + first) * n);
        }
      }
      return tensor(data, [sizes.heads, n, n]);
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#free();
  }

  /** Prepares and runs work that goes on to its end even if this is disposed of meanwhile. */
  async #held<T>(work: Work | undefined, use: (scratch: Region) => Promise<T>): Promise<T> {
    this.#throwIfDisposed();
    this.#users++;
    let scratch: Region | undefined;
    try {
      if (work) await this.#gpu.prepare(this.#kernels(work));
      scratch = this.#gpu.region();
      return await use(scratch);
    } finally {
      scratch?.free();
      this.#free();
    }
  }

  async #certify(layer: LayerInDoubles, v: Tensor, transposed: boolean): Promise<number | undefined> {
    const [x] = await this.#gpu.run(() => undefined, [this.#primal.input]);
    return layer.stretch(tensor(x, this.inShape), v, transposed);
  }

  #kernels(work: Work): Kernel[] {
    return kernelsFor(work, this.#primal.sizes, this.#primal.n);
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

function result(what: string, [data]: Float32Array[], shape: readonly number[]): Tensor {
  checkFinite(what, data, shape);
  return tensor(data, [...shape]);
}
