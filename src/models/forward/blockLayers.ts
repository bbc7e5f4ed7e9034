// The layers of one block on a runtime. Each reads its weights at its first use, and parts that have it share it.
import { wrongKind, wrongValue } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { CrossAttention } from "../../device/crossAttentionLayer.js";
import type { LinearizableLayer, Linearization } from "../../device/linearization.js";
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { Attention, Runtime } from "../../measure/createRuntime.js";
import type { Block } from "../architectures/architecture.js";
import { type BlockPlan, planOf, type Unread } from "./blockPlan.js";
import { LazyAttention } from "./lazyAttention.js";
import { LazyCross } from "./lazyCross.js";
import { LazyLayer } from "./lazyLayer.js";
import type { PartName } from "./partName.js";
import { compose, type LeafSpec, makeLeaf, mapLeaves, type PartSpec, type Plan } from "./plan.js";

/** Of a block's hidden states, and its attention. */
export interface BlockSizes {
  readonly width: number;
  readonly heads: number;
}

export class BlockLayers extends Held {
  readonly plan: BlockPlan;
  readonly #layers = new Map<Unread, LinearizableLayer>();
  /** Of cross-attention, by the number of the memory. */
  readonly #crossed: LinearizableLayer[] = [];
  #cross?: CrossAttention;
  readonly #compositions: LinearizableLayer[] = [];
  readonly #reading = new Map<Unread, Map<number, Promise<LeafSpec>>>();

  constructor(
    readonly runtime: Runtime,
    block: Block,
    readonly sizes: BlockSizes,
    /** What the decoder's windows attend to, held fixed. */
    readonly memories: readonly TensorLike[] = [],
  ) {
    super();
    this.plan = planOf(block);
  }

  get attention(): Attention {
    return this.layer(this.plan.attention) as Attention;
  }

  /** Attention to an encoder's output: one layer for all windows. */
  get cross(): CrossAttention {
    const { cross } = this.plan;
    if (!cross) this.partPlan("cross-attention");
    const { runtime, sizes } = this;
    const make = async () => {
      const spec = (await this.#known(cross!, 1)) as { crossAttention: AttentionSpec };
      return runtime.crossAttention(spec.crossAttention);
    };
    this.#cross ??= new LazyCross({ ...sizes, device: runtime.device, make });
    return this.#cross;
  }

  /** @throws RangeError, with what there is, for a part that the block hasn't got */
  partPlan(what: PartName): Plan<Unread> {
    const plan = this.plan.parts.get(what);
    if (plan) return plan;
    const reason = what === "normed-attention" ? " (there is no norm in front of this attention)" : "";
    throw wrongValue("part", `one of ${[...this.plan.parts.keys()].join(", ")}${reason}`, what);
  }

  /** A composition of the block's layers; it lives until the block is disposed of, as they do. */
  compose(plan: Plan<Unread>, window = 0): LinearizableLayer {
    const layer = compose(this.runtime, plan, (leaf) => this.layer(leaf, window));
    this.#compositions.push(layer);
    return layer;
  }

  /** A part's weights as plain data, for so many tokens; read once, whoever needs them. */
  specOf(plan: Plan<Unread>, tokens: number, window = 0): Promise<PartSpec> {
    return mapLeaves(plan, async (leaf) => {
      const spec = await this.#read(leaf, tokens);
      return "crossAttention" in spec ? { ...spec, memory: this.memories[window] } : spec;
    });
  }

  layer(leaf: Unread, window = 0): LinearizableLayer {
    if (leaf.what === "cross-attention") {
      const crossed = this.#crossed[window] ?? this.#makeCrossed(window);
      this.#crossed[window] = crossed;
      return crossed;
    }
    const made = this.#layers.get(leaf) ?? this.#make(leaf);
    this.#layers.set(leaf, made);
    return made;
  }

  dispose(): void {
    for (const layer of this.#compositions.splice(0)) layer.dispose();
    for (const layer of [...this.#layers.values(), ...this.#crossed]) layer?.dispose();
    this.#cross?.dispose();
  }

  #makeCrossed(window: number): LinearizableLayer {
    const memory = this.memories[window];
    if (memory) return this.cross.withMemory(memory);
    throw wrongKind("memory", "the encoder's output (trace gives it), since this part attends to it", memory);
  }

  #make(leaf: Unread): LinearizableLayer {
    const { runtime, sizes } = this;
    const rule = { dIn: sizes.width, dOut: sizes.width, regime: leaf.regime, device: runtime.device };
    const make = async (tokens: number) => makeLeaf(runtime, await this.#known(leaf, tokens));
    if (leaf.what !== "attention") return new LazyLayer({ ...rule, what: leaf.what, make });
    return new LazyAttention({ ...rule, make: make as (tokens: number) => Promise<Attention> }, sizes.heads);
  }

  /** What was read for others, else read for a layer that keeps it packed: not kept here, too. */
  #known(leaf: Unread, tokens: number): Promise<LeafSpec> {
    return this.#reading.get(leaf)?.get(leaf.regime?.(tokens) ?? 0) ?? leaf.read(tokens);
  }

  #read(leaf: Unread, tokens: number): Promise<LeafSpec> {
    const regimes = this.#reading.get(leaf) ?? new Map<number, Promise<LeafSpec>>();
    this.#reading.set(leaf, regimes);
    const regime = leaf.regime?.(tokens) ?? 0;
    const reading = regimes.get(regime) ?? leaf.read(tokens);
    regimes.set(regime, reading);
    return reading;
  }
}

/** A layer together with what it is made of. */
export class OwningLayer extends Held implements LinearizableLayer {
  readonly dIn: number;
  readonly dOut: number;

  constructor(
    readonly layer: LinearizableLayer,
    readonly owned: readonly { dispose(): void }[],
  ) {
    super();
    this.dIn = layer.dIn;
    this.dOut = layer.dOut;
  }

  get onDevice() {
    return this.layer.onDevice;
  }

  forward(x: TensorLike): Promise<Tensor> {
    return this.layer.forward(x);
  }

  linearize(x: TensorLike): Promise<Linearization> {
    return this.layer.linearize(x);
  }

  dispose(): void {
    for (const part of [this.layer, ...this.owned]) part.dispose();
  }
}
