// The Jacobian of attention at one input as an operator on WebGPU: the primal once, then products that reuse it.
import { type Tensor, tensor } from "../../base/tensor.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { Linearized } from "../deviceLayer.js";
import type { DeviceOperator, Pattern, Structure } from "../operator.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import { range } from "./memory.js";
import { Primal } from "./primal.js";
import type { LayerSizes, LayerWeights } from "./weights.js";

/** A layer's weights as its operators see them. One object a layer. */
export interface SharedWeights {
  readonly weights: LayerWeights;
  /** With the mask and the rotations of the operator that asks. */
  download(sizes: LayerSizes): Promise<ResolvedSpec>;
  valueMap: Pattern["valueMap"];
}

/** @throws RangeError where the scores overflow f32 */
export async function linearizeAttention(
  device: WebGpuDevice,
  sizes: LayerSizes,
  shared: SharedWeights,
  x: GpuVector,
  lease: GpuLease,
): Promise<Linearized<GpuVector>> {
  const [n] = x.shape;
  const primal = new Primal(lease.region, sizes, shared.weights, n);
  const output = lease.vector([n, sizes.dOut], "the output");
  const work = device.lease();
  try {
    const centred = work.vector(x.shape, "the work space of a linearization");
    primal.recordForward(device.batch, x.view, centred.view, output.view);
  } finally {
    work.dispose();
  }
  const [summary] = await device.gpu.flush([primal.summary]);
  if (summary.includes(-1)) {
    throw new RangeError(
      '"x": the attention scores overflow f32; use dtype f64 (on WASM), or scale x or the weights down',
    );
  }
  return { operator: new WebGpuAttentionOperator(device, primal, shared, x, Math.max(...summary)), output };
}

export class WebGpuAttentionOperator implements DeviceOperator<GpuVector> {
  readonly inShape: number[];
  readonly outShape: number[];
  readonly roundoff: number;
  readonly structure: Structure<GpuVector>;

  constructor(
    readonly device: WebGpuDevice,
    readonly primal: Primal,
    shared: SharedWeights,
    x: GpuVector,
    largestScore: number,
  ) {
    const { n, sizes } = primal;
    this.inShape = [n, sizes.dIn];
    this.outShape = [n, sizes.dOut];
    // MATH 10.4b: relative error ~ 1e-5 for centred |score| < 100, |score|·1e-7 beyond, in f32.
    this.roundoff = Math.max(1e-5, largestScore * 1e-7);
    this.structure = structureOf(this, shared, x);
  }

  jvp(u: GpuVector, y: GpuVector): void {
    this.primal.recordJvp(this.device.batch, u.view, y.view);
  }

  vjp(y: GpuVector, x: GpuVector): void {
    this.primal.recordVjp(this.device.batch, y.view, x.view);
  }

  gradient(u: GpuVector, v: GpuVector, to: GpuVector): void {
    const work = this.device.lease();
    try {
      const space = this.primal.gradientSpace(work.region);
      this.primal.recordGradient(this.device.batch, space, u.view, v.view, to.view);
    } finally {
      work.dispose();
    }
  }

  /** [heads, n, n], made and read back some rows at a time. */
  async probabilities(): Promise<Tensor> {
    const { device, primal } = this;
    const { n, sizes } = primal;
    const { heads } = sizes;
    const data = new Float32Array(heads * n * n);
    const atOnce = Math.min(n, 65535, Math.max(1, Math.floor(2 ** 24 / (n * heads))));
    const work = device.lease();
    try {
      const block = work.region.words(heads * atOnce * n, "rows of probabilities");
      for (let first = 0; first < n; first += atOnce) {
        const count = Math.min(atOnce, n - first);
        primal.recordProbabilities(device.batch, first, count, block);
        const [rows] = await device.gpu.flush([range(block, 0, heads * count * n)]);
        for (let head = 0; head < heads; head++) {
          data.set(rows.subarray(head * count * n, (head + 1) * count * n), (head * n + first) * n);
        }
      }
    } finally {
      work.dispose();
    }
    return tensor(data, [heads, n, n]);
  }
}

function structureOf(operator: WebGpuAttentionOperator, shared: SharedWeights, x: GpuVector): Structure<GpuVector> {
  const { device, primal } = operator;
  const { sizes } = primal;
  return {
    pattern: { layer: shared, direction: () => patternDirection(device, primal), valueMap: shared.valueMap },
    attention: {
      layer: shared,
      async read() {
        const spec = await shared.download(sizes);
        return { spec, x: await device.read(x) };
      },
    },
  };
}

/** Four power iterations on the pattern averaged over heads, from equal weights; see src/spectral/guess.ts. */
async function patternDirection(device: WebGpuDevice, primal: Primal): Promise<Float64Array> {
  const work = device.lease();
  try {
    const queries = work.vector([primal.n, 1], "a vector");
    const keys = work.vector([primal.n, 1], "a vector");
    const length = work.scalars(1, "a vector");
    device.write(queries, new Float32Array(primal.n).fill(1));
    for (let iteration = 0; iteration < 4; iteration++) {
      if (iteration > 0) primal.recordPatterns(device.batch, false, keys.view, queries.view);
      primal.recordPatterns(device.batch, true, queries.view, keys.view);
    }
    device.normalize(keys, length, 0);
    return new Float64Array(await device.read(keys));
  } finally {
    work.dispose();
  }
}
