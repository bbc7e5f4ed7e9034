// Many windows on their way through a stack, block by block: only one block's weights are held at a time.
import { throwIfAborted } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import type { AbortSignalLike } from "../../base/platform.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import { turn } from "../../base/turn.js";
import type { LinearizableLayer } from "../../device/linearization.js";
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { NormSpec } from "../../layers/norm.js";
import type { Runtime } from "../../measure/createRuntime.js";
import type { Stack } from "../architectures/architecture.js";
import type { ModelInput, WalkStep } from "../model.js";
import { BlockLayers } from "./blockLayers.js";
import type { Unread } from "./blockPlan.js";
import type { PartName } from "./partName.js";
import type { PartSpec, Plan } from "./plan.js";

export interface StackWalk {
  readonly windows: readonly ModelInput[];
  /** Tokens of each window. */
  readonly lengths: readonly number[];
  /** Where steps are wanted. */
  readonly layers: ReadonlySet<number>;
  /** What the decoder's windows attend to. */
  readonly memories?: readonly Tensor[];
  readonly signal?: AbortSignalLike;
  /** Throws where the model was disposed of. */
  whileAlive(): void;
}

/** The steps of a walk, in ascending order of layers. */
export async function* walkStack(runtime: Runtime, stack: Stack, walk: StackWalk): AsyncGenerator<WalkStep, void> {
  const { layers: wanted, signal, whileAlive } = walk;
  const last = Math.max(...wanted);
  let hidden = await inRange(0, runtime, embed(runtime, stack, walk));
  for (let layer = 0; layer <= last; layer++) {
    await turn();
    throwIfAborted(signal);
    whileAlive();
    const layers = new BlockLayers(runtime, stack.blocks[layer], stack, walk.memories);
    const through = (plan: Plan<Unread>) => {
      // Of a decoder, each window has a memory of its own.
      const apart = layers.plan.cross !== undefined;
      const whole = apart ? undefined : layers.compose(plan);
      const part = (window: number) => whole ?? layers.compose(plan, window);
      return inRange(layer, runtime, applyAll(part, hidden, signal));
    };
    try {
      if (wanted.has(layer)) yield await stepOf(stack, layer, layers, hidden, walk, through);
      if (layer < last) hidden = await through(layers.partPlan("block"));
    } finally {
      layers.dispose();
    }
  }
}

/** The hidden states behind all blocks, and behind the norm that follows them, of each window. */
export async function throughStack(runtime: Runtime, stack: Stack, walk: Omit<StackWalk, "layers">): Promise<Tensor[]> {
  const last = stack.blocks.length - 1;
  for await (const step of walkStack(runtime, stack, { ...walk, layers: new Set([last]) })) {
    const hidden: Tensor[] = [];
    for (const x of step.hidden) hidden.push(await inRange(last, runtime, step.part("block").forward(x)));
    if (!stack.finalNorm) return hidden;
    return applyOnce(runtime.norm(await stack.finalNorm()), hidden, walk.signal);
  }
  throw new ModelError("a stack without blocks");
}

/** Weights that are finite can still carry hidden states out of the range of the runtime's numbers. */
export function outOfRange(layer: number, runtime: Runtime, problem: string): ModelError {
  return new ModelError(`block ${layer} can't be computed in ${runtime.info.dtype}: ${problem}`);
}

async function stepOf(
  stack: Stack,
  layer: number,
  layers: BlockLayers,
  hidden: Tensor[],
  walk: StackWalk,
  through: (plan: Plan<Unread>) => Promise<Tensor[]>,
): Promise<WalkStep> {
  const { plan } = layers;
  const inputs = plan.before ? await through(plan.before) : hidden.map(copy);
  let between: Promise<Tensor[]> | undefined;
  const afterAttention = () => (between ??= plan.between ? through(plan.between) : Promise.resolve(hidden.map(copy)));
  const specs = new Map<number, () => Promise<AttentionSpec>>();
  const specFor = (tokens: number) => {
    const regime = plan.attention.regime?.(tokens) ?? 0;
    const read = async () => {
      const part = await layers.specOf(plan.attention, tokens);
      return (part as { attention: AttentionSpec }).attention;
    };
    const known = specs.get(regime) ?? read;
    specs.set(regime, known);
    return known;
  };
  return {
    layer,
    attention: layers.attention,
    spec: specFor(walk.lengths[0]),
    specFor,
    inputNorm: () => inputNorm(stack, layer),
    inputs,
    hidden: hidden.map(copy),
    afterAttention,
    parts: [...plan.parts.keys()],
    part: (what: PartName, window = 0) => layers.compose(layers.partPlan(what), window),
    partSpec: (what: PartName, tokens = walk.lengths[0], window = 0): Promise<PartSpec> =>
      layers.specOf(layers.partPlan(what), tokens, window),
    inputsOf: async (what: PartName) => {
      if (what === "attention") return inputs;
      return what === "feed-forward" ? afterAttention() : hidden.map(copy);
    },
  };

  function copy({ data, shape }: Tensor): Tensor {
    return tensor(data.slice(), [...shape]);
  }
}

/** The hidden states of block 0, of each window. */
async function embed(runtime: Runtime, stack: Stack, { windows, lengths, signal }: StackWalk): Promise<Tensor[]> {
  throwIfAborted(signal);
  const { embedding } = stack;
  const sums = await embedding.embed(windows, runtime);
  const data = runtime.info.dtype === "f64" ? sums : new Float32Array(sums);
  const width = data.length / lengths.reduce((sum, length) => sum + length, 0);
  let row = 0;
  let hidden = lengths.map((length) => {
    const from = row;
    row += length;
    return tensor(data.slice(from * width, row * width), [length, width]);
  });
  if (embedding.norm) hidden = await applyOnce(runtime.norm(await embedding.norm()), hidden, signal);
  if (embedding.project) hidden = await applyOnce(runtime.linear(await embedding.project()), hidden, signal);
  return hidden;
}

/** The norm whose outputs are the inputs of a layer's attention, where there is one. */
async function inputNorm({ blocks, embedding }: Stack, layer: number): Promise<NormSpec | undefined> {
  const { before } = blocks[layer].attention;
  if (before) return before();
  if (layer > 0) return blocks[layer - 1].feedForward.behind?.();
  return embedding.project ? undefined : embedding.norm?.();
}

async function applyAll(
  layerOf: (window: number) => LinearizableLayer,
  hidden: readonly Tensor[],
  signal?: AbortSignalLike,
) {
  const images: Tensor[] = [];
  for (const [window, x] of hidden.entries()) {
    await turn();
    throwIfAborted(signal);
    images.push(await layerOf(window).forward(x));
  }
  return images;
}

/** The images under a layer that was made for them. */
async function applyOnce(layer: LinearizableLayer, hidden: readonly Tensor[], signal?: AbortSignalLike) {
  try {
    return await applyAll(() => layer, hidden, signal);
  } finally {
    layer.dispose();
  }
}

async function inRange<T>(layer: number, runtime: Runtime, work: Promise<T>): Promise<T> {
  return work.catch((error) => {
    throw error instanceof RangeError ? outOfRange(layer, runtime, error.message) : error;
  });
}
