// What a sweep measures, cell by cell: the parts of each layer, heads, and the whole model.

import type { Tensor } from "../base/tensor.js";
import type { LinearizableLayer } from "../device/linearization.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import type { Runtime } from "../measure/createRuntime.js";
import { makePart, type PartSpec } from "../models/index.js";
import type { Model, WalkStep } from "../models/model.js";
import { hashOf } from "./digest.js";
import { isOfModel, type Part, type PartName } from "./report.js";
import type { Window } from "./windows.js";

/** A layer's weights as plain data: of its attention, or of another part. */
export type LayerSpec = AttentionSpec | PartSpec;

/** Where a layer comes from, to make it on another runtime: in a worker, say. */
export interface LayerSource {
  readonly layer: number;
  readonly part: PartName;
  /** null: the whole layer. */
  readonly head: number | null;
  /**
   * The whole layer's weights; the same function for all rows of a layer, heads too. Absent where it can't be made
   * elsewhere: a whole model.
   */
  readonly spec?: () => Promise<LayerSpec>;
  /** The hash of the weights, where `spec` doesn't give them. */
  readonly weights?: () => Promise<string | null>;
}

/** A row to be: the layer or head, where it comes from, the window and the layer's input there. */
export interface Cell {
  layer: LinearizableLayer;
  source: LayerSource;
  window: Window;
  x: Tensor;
}

/** The layer that a source describes; heads are made from it. */
export function makeLayer(runtime: Runtime, part: PartName, spec: LayerSpec): LinearizableLayer {
  return part === "attention" ? runtime.attention(spec as AttentionSpec) : makePart(runtime, spec as PartSpec);
}

/** The cells of one step of a walk; what they make is added to `made`, at need, and is the caller's to dispose of. */
export async function* cellsOfLayer(
  step: WalkStep,
  parts: readonly Part[],
  windows: readonly Window[],
  made: Set<LinearizableLayer>,
): AsyncGenerator<Cell, void> {
  const specs = new Map<string, Map<unknown, () => Promise<LayerSpec>>>();
  /** One function for all windows of a part whose lengths share their weights. */
  const specOf = (part: PartName, tokens: number) => {
    const attention = step.specFor(tokens);
    if (part === "attention") return attention;
    const known = specs.get(part) ?? new Map<unknown, () => Promise<LayerSpec>>();
    specs.set(part, known);
    const spec = known.get(attention) ?? (() => step.partSpec(part as Parameters<WalkStep["part"]>[0], tokens));
    known.set(attention, spec);
    return spec;
  };
  for (const { layer, part, head } of parts.filter((planned) => planned.layer === step.layer)) {
    if (isOfModel(part)) continue;
    const whole = part === "attention" ? step.attention : step.part(part);
    const measured = head === null ? whole : step.attention.head(head);
    if (head !== null) made.add(measured);
    const inputs = part === "attention" ? step.inputs : await step.inputsOf(part);
    for (const [at, window] of windows.entries()) {
      const x = inputs[at];
      yield { layer: measured, source: { layer, part, head, spec: specOf(part, x.shape[0]) }, window, x };
    }
  }
}

/** The cells of the whole model, from the inputs of its first block. */
export function* cellsOfModel(
  model: Model,
  parts: readonly Part[],
  windows: readonly Window[],
  inputs: readonly Tensor[],
  made: Set<LinearizableLayer>,
): Generator<Cell, void> {
  const weights = async () => {
    const { source, hashes } = model.origin;
    return hashOf({ config: model.config, files: hashes ? await hashes() : source });
  };
  for (const { layer, part, head } of parts.filter(({ part }) => isOfModel(part))) {
    const measured = model.blocks(0, model.layers, { finalNorm: part === "normed-model" });
    made.add(measured);
    for (const [at, window] of windows.entries()) {
      yield { layer: measured, source: { layer, part, head, weights }, window, x: inputs[at] };
    }
  }
}

/** Whether the model has a norm behind its last block. */
export function hasFinalNorm(model: Model): boolean {
  try {
    model.blocks(0, model.layers, { finalNorm: true }).dispose();
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
