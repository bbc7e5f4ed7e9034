// Layers put together as plain data: what a part of a model is made of, before its weights are read and after.
import type { TensorLike } from "../../base/tensor.js";
import type { LinearizableLayer } from "../../device/linearization.js";
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { FeedForwardSpec } from "../../layers/feedForward.js";
import type { NormSpec } from "../../layers/norm.js";
import type { Runtime } from "../../measure/createRuntime.js";
import { makeExperts } from "./mixture.js";
import type { Experts } from "./mixtureSpec.js";

/** Layers one after the other, a path around a layer, branches side by side; at the leaves, layers. */
export type Plan<Leaf> =
  | Leaf
  | { readonly chain: readonly Plan<Leaf>[] }
  | { readonly residual: Plan<Leaf> }
  | { readonly sum: readonly Plan<Leaf>[] };

/** A layer as plain data. */
export type LeafSpec =
  | { readonly attention: AttentionSpec }
  /** Attention to a memory, which is part of the layer. */
  | { readonly crossAttention: AttentionSpec; readonly memory?: TensorLike }
  | { readonly norm: NormSpec }
  | { readonly feedForward: FeedForwardSpec }
  /** Whose experts are read as tokens choose them. */
  | { readonly experts: Experts };

/** A part of a model as plain data, for another runtime: in a worker, say. */
export type PartSpec = Plan<LeafSpec>;

/**
 * A part on a runtime; the caller disposes of it.
 * @throws what the runtime throws for a spec that it can't make
 * @example
 * const part = makePart(runtime, { attention: spec });
 * part.dispose();
 */
export function makePart(runtime: Runtime, spec: PartSpec): LinearizableLayer {
  const leaves: LinearizableLayer[] = [];
  try {
    return compose(runtime, spec, (leaf) => {
      const layer = makeLeaf(runtime, leaf);
      leaves.push(layer);
      return layer;
    });
  } finally {
    // A composition holds what it is made of; a leaf alone is what is given back.
    if (!isLeaf(spec)) for (const leaf of leaves) leaf.dispose();
  }
}

export function makeLeaf(runtime: Runtime, leaf: LeafSpec): LinearizableLayer {
  if ("attention" in leaf) return runtime.attention(leaf.attention);
  if ("crossAttention" in leaf) {
    if (!leaf.memory) throw new TypeError('"memory": expected the encoder\'s output (trace gives it), got none');
    const cross = runtime.crossAttention(leaf.crossAttention);
    try {
      return cross.withMemory(leaf.memory);
    } finally {
      cross.dispose();
    }
  }
  if ("norm" in leaf) return runtime.norm(leaf.norm);
  return "experts" in leaf ? makeExperts(runtime, leaf.experts) : runtime.feedForward(leaf.feedForward);
}

/** The layer that a plan describes, from those at its leaves, which stay the caller's. */
export function compose<Leaf extends object>(
  runtime: Runtime,
  plan: Plan<Leaf>,
  layerOf: (leaf: Leaf) => LinearizableLayer,
): LinearizableLayer {
  const made: LinearizableLayer[] = [];
  const inner = (part: Plan<Leaf>) => {
    const layer = compose(runtime, part, layerOf);
    if (!isLeaf(part)) made.push(layer);
    return layer;
  };
  try {
    if ("chain" in plan) return runtime.chain(plan.chain.map(inner));
    if ("residual" in plan) return runtime.residual(inner(plan.residual));
    if ("sum" in plan) return runtime.sum(plan.sum.map(inner));
    return layerOf(plan);
  } finally {
    for (const layer of made) layer.dispose();
  }
}

/** The same plan with other leaves. */
export async function mapLeaves<From extends object, To>(
  plan: Plan<From>,
  map: (leaf: From) => Promise<To>,
): Promise<Plan<To>> {
  const all = async (parts: readonly Plan<From>[]) => {
    const mapped: Plan<To>[] = [];
    for (const part of parts) mapped.push(await mapLeaves(part, map));
    return mapped;
  };
  if ("chain" in plan) return { chain: await all(plan.chain) };
  if ("residual" in plan) return { residual: await mapLeaves(plan.residual, map) };
  if ("sum" in plan) return { sum: await all(plan.sum) };
  return map(plan);
}

function isLeaf<Leaf extends object>(plan: Plan<Leaf>): plan is Leaf {
  return !("chain" in plan || "residual" in plan || "sum" in plan);
}
