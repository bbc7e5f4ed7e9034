// A cross-attention layer of a runtime: two inputs, tokens that ask and tokens that are asked.
import { checkFinite, checkKeys, checkOneOf, checkTensor, throwIfDisposed } from "../base/check.js";
import { type Disposable, Held } from "../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import type { Lease, Vector } from "./device.js";
import {
  type DeviceCrossAttention,
  type DeviceLayer,
  type Linearized,
  Shared,
  type WithRespectTo,
} from "./deviceLayer.js";
import { DeviceLinearization, type LinearizableLayer, type Linearization, RuntimeLayer } from "./linearization.js";
import type { OperatorInDoubles } from "./operator.js";

/** Attention of tokens x [n, queryWidth] to other tokens, the memory [m, memoryWidth]; masks are over [n, m]. */
export interface CrossAttention extends Disposable {
  readonly queryWidth: number;
  readonly memoryWidth: number;
  readonly dOut: number;
  readonly heads: number;
  /** [n, dOut]. */
  forward(x: TensorLike, memory: TensorLike): Promise<Tensor>;
  /** Attention probabilities, [heads, n, m]. */
  probabilities(x: TensorLike, memory: TensorLike): Promise<Tensor>;
  /**
   * The Jacobian with respect to x (default), to the memory, or to both: then its input is [n + m, the larger width], x
   * first, and features that the narrower one does not have are columns of zeros.
   */
  linearize(x: TensorLike, memory: TensorLike, options?: { wrt?: WithRespectTo }): Promise<Linearization>;
  /** The layer of x that the memory, held fixed, makes of this; it may outlive this. */
  withMemory(memory: TensorLike): LinearizableLayer;
}

const SIDES = ["queries", "memory", "both"] as const;

export class CrossAttentionLayer<V extends Vector> extends Held implements CrossAttention {
  readonly queryWidth: number;
  readonly memoryWidth: number;
  readonly dOut: number;
  readonly heads: number;
  readonly #layer: Shared<DeviceCrossAttention<V>>;
  #disposed = false;

  constructor(layer: DeviceCrossAttention<V>) {
    super();
    this.#layer = new Shared(layer);
    this.queryWidth = layer.queryWidth;
    this.memoryWidth = layer.memoryWidth;
    this.dOut = layer.dOut;
    this.heads = layer.heads;
  }

  async forward(x: TensorLike, memory: TensorLike): Promise<Tensor> {
    return this.#onInputs(x, memory, async (layer, lease, own, other) =>
      this.#read(layer, await layer.forward(own, other, lease)),
    );
  }

  async probabilities(x: TensorLike, memory: TensorLike): Promise<Tensor> {
    return this.#onInputs(x, memory, (layer, _, own, other) => layer.probabilities(own, other));
  }

  async linearize(x: TensorLike, memory: TensorLike, options: { wrt?: WithRespectTo } = {}): Promise<Linearization> {
    checkKeys("options", options, ["wrt"]);
    const wrt = checkOneOf("wrt", options.wrt ?? "queries", SIDES);
    const held = this.#hold();
    const lease = held.value.device.lease();
    try {
      lease.atEnd(() => held.release());
      const own = this.#write("x", x, this.queryWidth, lease);
      const other = this.#write("memory", memory, this.memoryWidth, lease);
      const { operator, output } = await held.value.linearize(own, other, wrt, lease);
      const inDoubles = held.value.inDoubles && (() => operatorInDoubles(held.value, own, other, wrt));
      return new DeviceLinearization(operator, lease, await this.#read(held.value, output), inDoubles);
    } catch (error) {
      lease.dispose();
      throw error;
    }
  }

  withMemory(memory: TensorLike): LinearizableLayer {
    const held = this.#hold();
    const lease = held.value.device.lease();
    try {
      lease.atEnd(() => held.release());
      const kept = this.#write("memory", memory, this.memoryWidth, lease);
      return new RuntimeLayer(new Shared(remembering(held.value, kept, lease)), "cross-attention");
    } catch (error) {
      lease.dispose();
      throw error;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#layer.release();
  }

  #hold(): Shared<DeviceCrossAttention<V>> {
    throwIfDisposed("cross-attention", this.#disposed);
    return this.#layer.hold();
  }

  async #onInputs<T>(
    x: TensorLike,
    memory: TensorLike,
    use: (layer: DeviceCrossAttention<V>, lease: Lease<V>, own: V, other: V) => Promise<T>,
  ): Promise<T> {
    const held = this.#hold();
    const lease = held.value.device.lease();
    try {
      const own = this.#write("x", x, this.queryWidth, lease);
      const other = this.#write("memory", memory, this.memoryWidth, lease);
      return await use(held.value, lease, own, other);
    } finally {
      lease.dispose();
      held.release();
    }
  }

  #write(label: string, x: TensorLike, width: number, lease: Lease<V>): V {
    const { data, shape } = checkTensor(label, x, [-1, width]);
    const vector = lease.vector(shape, "the input");
    this.#layer.value.device.write(vector, data);
    return vector;
  }

  async #read({ device }: DeviceCrossAttention<V>, output: V): Promise<Tensor> {
    const data = await device.read(output);
    checkFinite("the layer's output (an overflow: scale x or the weights down)", data, output.shape);
    return tensor(data, [...output.shape]);
  }
}

/** The layer of x at a memory in a lease of its own, which it disposes of. */
function remembering<V extends Vector>(cross: DeviceCrossAttention<V>, memory: V, kept: Lease<V>): DeviceLayer<V> {
  return {
    device: cross.device,
    dIn: cross.queryWidth,
    dOut: cross.dOut,
    forward: (x, lease) => cross.forward(x, memory, lease),
    linearize: (x, lease): Promise<Linearized<V>> => cross.linearize(x, memory, "queries", lease),
    inDoubles: cross.inDoubles && (() => rememberingInDoubles(cross, memory)),
    dispose: () => kept.dispose(),
  };
}

/** A copy in f64, and what is in its lease, which ends it. */
async function copied<V extends Vector, T>(
  cross: DeviceCrossAttention<V>,
  use: (copy: DeviceCrossAttention, lease: Lease, write: (from: V) => Promise<Vector>) => Promise<T>,
): Promise<T> {
  const copy = await (cross.inDoubles as () => Promise<DeviceCrossAttention>)();
  const lease = copy.device.lease();
  lease.atEnd(() => copy.dispose());
  try {
    return await use(copy, lease, async (from) => {
      const vector = lease.vector(from.shape, "the input in f64");
      copy.device.write(vector, await cross.device.read(from));
      return vector;
    });
  } catch (error) {
    lease.dispose();
    throw error;
  }
}

function rememberingInDoubles<V extends Vector>(cross: DeviceCrossAttention<V>, memory: V): Promise<DeviceLayer> {
  return copied(cross, async (copy, lease, write) => remembering(copy, await write(memory), lease));
}

function operatorInDoubles<V extends Vector>(
  cross: DeviceCrossAttention<V>,
  x: V,
  memory: V,
  wrt: WithRespectTo,
): Promise<OperatorInDoubles> {
  return copied(cross, async (copy, lease, write) => {
    const { operator } = await copy.linearize(await write(x), await write(memory), wrt, lease);
    return { operator, dispose: () => lease.dispose() };
  });
}
