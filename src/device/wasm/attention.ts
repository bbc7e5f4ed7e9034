// Attention on the WebAssembly device: weights packed once, which the operators made from it read.
import { type Tensor, tensor } from "../../base/tensor.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { DeviceAttention, DeviceLayer, Linearized } from "../deviceLayer.js";
import { DeviceLinearization } from "../linearization.js";
import { type Scene, type SharedWeights, sceneOf, WasmAttentionOperator } from "./attentionOperator.js";
import type { WasmDevice, WasmLease, WasmVector } from "./device.js";
import { Region } from "./heap.js";
import { Lockstep } from "./lockstep.js";
import { readProbabilities } from "./patterns.js";
import { type ReducedLayer, reduceLayer } from "./reducedLayer.js";
import { headSpec, type LayerSizes, type PackedLayer, packLayer, unpackLayer, withoutWeights } from "./weights.js";

export class WasmAttention implements DeviceAttention<WasmVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly heads: number;
  readonly #region: Region;
  readonly #sizes: LayerSizes;
  readonly #layer: PackedLayer;
  readonly #weights: SharedWeights;
  #reduced?: ReducedLayer | "none";

  constructor(
    readonly device: WasmDevice,
    spec: ResolvedSpec,
  ) {
    const { heap, kernels } = device;
    this.#region = new Region(heap);
    this.#sizes = withoutWeights(spec);
    this.dIn = spec.dIn;
    this.dOut = spec.dOut;
    this.heads = spec.heads;
    try {
      this.#layer = packLayer(kernels, this.#region, spec);
    } catch (error) {
      this.#region.free();
      throw error;
    }
    this.#weights = {
      layer: this.#layer,
      unpack: (sizes) => unpackLayer(heap, this.#layer, sizes),
      reduced: () => this.#reduce(),
      valueMap: async () => this.#valueMap(),
    };
  }

  async forward(x: WasmVector, lease: WasmLease): Promise<WasmVector> {
    const output = lease.vector([x.shape[0], this.dOut], "the output");
    const work = this.device.lease();
    try {
      this.device.copy(this.#at(x, work).output, output);
      return output;
    } finally {
      work.dispose();
    }
  }

  async linearize(x: WasmVector, lease: WasmLease): Promise<Linearized<WasmVector>> {
    const operator = this.#at(x, lease);
    return { operator, output: operator.output };
  }

  /** None of several threads: all of them share the step of one input, and would not share that of several. */
  get together(): (() => DeviceLayer<WasmVector>) | undefined {
    if (this.device.heap.shared) return undefined;
    return () => {
      const lockstep = new Lockstep(this.device, this.#sizes);
      return {
        device: this.device,
        dIn: this.dIn,
        dOut: this.dOut,
        forward: (x, lease) => this.forward(x, lease as WasmLease),
        linearize: async (x, lease) => {
          const operator = this.#at(x, lease as WasmLease, lockstep);
          return { operator, output: operator.output };
        },
        dispose: () => undefined,
      };
    };
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    const { doubles } = this.device;
    return doubles && (async () => (await doubles.maker()).attention(this.spec));
  }

  /** The layer as its weights are held here. */
  get spec(): ResolvedSpec {
    return unpackLayer(this.device.heap, this.#layer, this.#sizes);
  }

  async probabilities(x: WasmVector): Promise<Tensor> {
    const { heap, kernels } = this.device;
    const work = this.device.lease();
    try {
      const { primal, tiling } = this.#at(x, work);
      return readProbabilities(kernels, heap, primal, this.heads, x.shape[0], tiling);
    } finally {
      work.dispose();
    }
  }

  head(index: number): WasmAttention {
    return new WasmAttention(this.device, headSpec(this.device.heap, this.#layer, this.#sizes, index));
  }

  dispose(): void {
    this.#region.free();
  }

  #at(x: WasmVector, lease: WasmLease, lockstep?: Lockstep): WasmAttentionOperator {
    return this.inScene(x, lease, sceneOf(this.#sizes, x.shape[0]), lockstep);
  }

  /** The Jacobian at tokens that are not simply one after the other. */
  inScene(x: WasmVector, lease: WasmLease, scene: Scene, lockstep?: Lockstep): WasmAttentionOperator {
    return new WasmAttentionOperator(this.device, this.#sizes, this.#weights, x, lease, scene, lockstep);
  }

  /** The layer at a single token, where attention is the identity: its value and output maps as one operator. */
  #valueMap(): DeviceLinearization<WasmVector> {
    const lease = this.device.lease();
    try {
      const x = lease.vector([1, this.dIn], "the input");
      const weights = { ...this.#weights, layer: { ...this.#layer, at: this.#layer.plain } };
      const sizes = alone(this.#sizes);
      const operator = new WasmAttentionOperator(this.device, sizes, weights, x, lease, sceneOf(sizes, 1));
      const output = tensor(new Float64Array(this.dOut), [1, this.dOut]);
      return new DeviceLinearization(operator, lease, output);
    } catch (error) {
      lease.dispose();
      throw error;
    }
  }

  /** Made when it is first asked for, and kept with the weights. */
  #reduce(): ReducedLayer | undefined {
    if (this.#reduced === undefined) {
      const region = new Region(this.device.heap);
      try {
        this.#reduced = reduceLayer(this.device.kernels, region, this.#layer, this.#sizes) ?? "none";
        this.#region.adopt(region);
      } catch (error) {
        region.free();
        throw error;
      }
    }
    return this.#reduced === "none" ? undefined : this.#reduced;
  }
}

/** At a single token, without what acts on scores. */
function alone(sizes: LayerSizes): LayerSizes {
  const { frequencies, angles, queryNorm, keyNorm, softcap, bias, sinks, ...rest } = sizes;
  return { ...rest, mask: "none" };
}
