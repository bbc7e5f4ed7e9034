// The runtime: one device, and the layers made on it. How layers are put together is written here for all devices.
import { wrongKind } from "../base/check.js";
import { type Disposable, Held } from "../base/disposable.js";
import { DeviceError } from "../base/errors.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import { type Activation, resolveActivation } from "../layers/activation.js";
import { resolveCrossSpec } from "../layers/attention/crossSpec.js";
import { type AttentionSpec, resolveSpec } from "../layers/attention/spec.js";
import { type FeedForwardSpec, resolveFeedForward } from "../layers/feedForward.js";
import { type Linear, type ResolvedLinear, resolveLinear } from "../layers/linear.js";
import { type NormSpec, resolveNorm } from "../layers/norm.js";
import { type Attention, AttentionLayer } from "./attentionLayer.js";
import { Chain } from "./chain.js";
import { type CrossAttention, CrossAttentionLayer } from "./crossAttentionLayer.js";
import type { Device, Vector } from "./device.js";
import { type DeviceLayer, type LayerMaker, Shared } from "./deviceLayer.js";
import { type LinearizableLayer, RuntimeLayer } from "./linearization.js";
import { release } from "./parts.js";
import { PlainNorm } from "./plainNorm.js";
import { Product } from "./product.js";
import { Residual } from "./residual.js";
import { Sum } from "./sum.js";

/** What a runtime runs on, and why it is not what was asked for. */
export interface RuntimeInfo {
  readonly device: "webgpu" | "wasm";
  readonly requested: "auto" | "webgpu" | "wasm";
  /** Why the request was not met. */
  readonly reason?: string;
  readonly dtype: "f32" | "f64";
  readonly simd?: "relaxed" | "simd128";
  readonly threads: number;
  readonly adapter?: string;
}

/** One device and what is made on it; disposing of it gives back the memory of all its layers. */
export interface Runtime extends Disposable {
  readonly info: RuntimeInfo;
  /** What its layers run on, where they can be composed. */
  readonly device?: Device;
  /** Bytes of device memory that this runtime holds now. */
  readonly memoryUsed: number;
  attention(spec: AttentionSpec): Attention;
  /** Attention of tokens to other tokens, whose width may differ: `spec.key` and `spec.value` are maps of the latter. */
  crossAttention(spec: AttentionSpec): CrossAttention;
  /** y = x · weight + bias, its weights packed once on the device. */
  linear(spec: Linear): LinearizableLayer;
  /** Layer norm or RMS norm over the features of each token. */
  norm(spec: NormSpec): LinearizableLayer;
  /** The activation of every element, of tokens of any width: its dIn and dOut are −1. */
  activation(kind: Activation): LinearizableLayer;
  /** down(act(gate x) ∘ up x), or down(act(up x)). */
  feedForward(spec: FeedForwardSpec): LinearizableLayer;
  /**
   * Layers of this runtime one after the other, the first applied first. Here and below the parts stay the caller's,
   * who may dispose of them at once: their weights live as long as what was made of them.
   * @throws RangeError for a layer of another runtime, and for widths that do not fit
   */
  chain(layers: readonly LinearizableLayer[]): LinearizableLayer;
  /** x + layer(x). */
  residual(layer: LinearizableLayer): LinearizableLayer;
  /** The sum of branches that all read x. */
  sum(layers: readonly LinearizableLayer[]): LinearizableLayer;
  /** The activation of every element of x, of any shape. */
  activate(kind: Activation, x: TensorLike): Promise<Tensor>;
}

export abstract class DeviceRuntime<V extends Vector> extends Held implements Runtime {
  abstract readonly info: RuntimeInfo;
  abstract readonly memoryUsed: number;

  constructor(readonly make: LayerMaker<V>) {
    super();
  }

  get device(): Device<V> {
    return this.make.device;
  }

  attention(spec: AttentionSpec): Attention {
    return new AttentionLayer(this.make.attention(resolveSpec(spec)));
  }

  crossAttention(spec: AttentionSpec): CrossAttention {
    const resolved = resolveCrossSpec(spec);
    const layer = this.make.crossAttention?.(resolved);
    if (!layer) throw new DeviceError(`cross-attention does not run on ${this.info.device}; use device "wasm"`);
    return new CrossAttentionLayer(layer);
  }

  linear(spec: Linear): LinearizableLayer {
    return layerOf("linear map", this.make.linear(resolveLinear("linear", spec)));
  }

  norm(spec: NormSpec): LinearizableLayer {
    const norm = resolveNorm(spec);
    const { device, make } = this;
    if ("gain" in norm) return layerOf("norm", make.norm(norm));
    return layerOf(
      "norm",
      new PlainNorm(device, (width) => make.norm({ ...norm, gain: new Float64Array(width).fill(1) })),
    );
  }

  activation(kind: Activation): LinearizableLayer {
    return layerOf("activation", this.make.activation(resolveActivation("activation", kind)));
  }

  feedForward(spec: FeedForwardSpec): LinearizableLayer {
    const { up, gate, down, activation } = resolveFeedForward(spec);
    const { make, device } = this;
    return composed("feed-forward layer", (own) => {
      const bent = (map: ResolvedLinear) => [own(make.linear(map)), own(make.activation(activation))];
      const raised = gate
        ? [new Shared(new Product(device, new Shared(new Chain(device, bent(gate))), own(make.linear(up))))]
        : bent(up);
      return new Chain(device, [...raised, own(make.linear(down))]);
    });
  }

  chain(layers: readonly LinearizableLayer[]): LinearizableLayer {
    const parts = this.#parts(layers);
    let width = -1;
    for (const [i, { dIn, dOut }] of parts.entries()) {
      if (width >= 0 && dIn >= 0 && dIn !== width) {
        throw new RangeError(
          `"layers[${i}]": expected a layer of dIn ${width}, as what comes before gives, got ${dIn}`,
        );
      }
      if (dOut >= 0) width = dOut;
    }
    return composed("chain", (_, hold) => new Chain(this.device, parts.map(hold)));
  }

  residual(layer: LinearizableLayer): LinearizableLayer {
    const part = this.#part("layer", layer);
    if (part.dIn !== part.dOut) {
      throw new RangeError(`"layer": expected as many features out as in, got dIn ${part.dIn} and dOut ${part.dOut}`);
    }
    return composed("residual", (_, hold) => new Residual(hold(part)));
  }

  sum(layers: readonly LinearizableLayer[]): LinearizableLayer {
    const parts = this.#parts(layers);
    const given = parts.find(({ dIn }) => dIn >= 0)?.dIn ?? -1;
    // What takes tokens of any width gives as wide ones.
    const widths = parts.map(({ dIn, dOut }) => (dIn < 0 ? { dIn: given, dOut: given } : { dIn, dOut }));
    for (const side of ["dIn", "dOut"] as const) {
      const odd = widths.findIndex((width) => width[side] !== widths[0][side]);
      if (odd < 0) continue;
      const [expected, got] = [widths[0][side], widths[odd][side]];
      throw new RangeError(`"layers[${odd}]": expected a layer of ${side} ${expected}, as the first, got ${got}`);
    }
    return composed("sum", (_, hold) => new Sum(this.device, parts.map(hold)));
  }

  async activate(kind: Activation, x: TensorLike): Promise<Tensor> {
    const layer = this.activation(kind);
    try {
      const shape = "shape" in x ? x.shape : [...x.dims];
      const tokens = shape.length === 2 ? x : tensor(x.data, [1, x.data.length]);
      return tensor((await layer.forward(tokens)).data, shape);
    } finally {
      layer.dispose();
    }
  }

  #parts(layers: readonly LinearizableLayer[]): LinearizableLayer[] {
    if (!Array.isArray(layers) || layers.length === 0) throw wrongKind("layers", "an array of layers", layers);
    return layers.map((layer, i) => this.#part(`layers[${i}]`, layer));
  }

  #part(label: string, layer: LinearizableLayer): LinearizableLayer {
    const expected = "a layer that this runtime made, or one of its models'";
    if (layer === null || typeof layer !== "object" || !layer.onDevice) throw wrongKind(label, expected, layer);
    if ((layer.onDevice.value.device as Device) !== this.device) {
      throw new RangeError(
        `"${label}": expected a layer of this runtime, got one of another; make it here from its spec`,
      );
    }
    return layer;
  }
}

function layerOf<V extends Vector>(what: string, layer: DeviceLayer<V>): LinearizableLayer {
  return new RuntimeLayer(new Shared(layer), what);
}

/** Releases the parts that were made or held should the composition fail. */
function composed<V extends Vector>(
  what: string,
  compose: (
    own: (layer: DeviceLayer<V>) => Shared<DeviceLayer<V>>,
    hold: (layer: LinearizableLayer) => Shared<DeviceLayer<V>>,
  ) => DeviceLayer<V>,
): LinearizableLayer {
  const held: Shared<DeviceLayer<V>>[] = [];
  const kept = (part: Shared<DeviceLayer<V>>) => {
    held.push(part);
    return part;
  };
  try {
    const layer = compose(
      (made) => kept(new Shared(made)),
      (part) => kept((part.onDevice as Shared<DeviceLayer<V>>).hold()),
    );
    return layerOf(what, layer);
  } catch (error) {
    release(held);
    throw error;
  }
}
