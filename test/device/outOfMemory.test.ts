// Whatever allocation fails, in whatever call, the memory is as it was before, and the next call works.
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import type { LinearizableLayer } from "../../src/device/linearization.js";
import {
  adversarial,
  blockNorms,
  gradient,
  invertible,
  localLipschitz,
  localLipschitzBatch,
  norm,
  OutOfMemoryError,
  type Runtime,
  spectralNorm,
  toDense,
  upperBound,
} from "../../src/index.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { FeedForwardSpec } from "../../src/layers/feedForward.js";
import { variantRuntime, variants } from "./variants.js";

const random = new Random(4);
const gaussian = (...shape: number[]) =>
  tensor(random.fillGaussian(new Float64Array(shape.reduce((a, b) => a * b)), 0.5), shape);
const linear = (from: number, to: number) => ({ weight: gaussian(from, to), bias: gaussian(to) });
const [n, d] = [5, 8];
const spec: AttentionSpec = {
  heads: 4,
  query: linear(d, d),
  key: linear(d, d),
  value: linear(d, d),
  output: linear(d, d),
  rope: { base: 100 },
};
/** Heads of it have a core. */
const wide: AttentionSpec = {
  heads: 4,
  query: linear(32, 8),
  key: linear(32, 8),
  value: linear(32, 8),
  output: linear(8, 32),
};
const feedForward: FeedForwardSpec = { up: linear(d, 6), gate: linear(d, 6), down: linear(6, d), activation: "silu" };
const normSpec = { kind: "layer", gain: gaussian(d), bias: gaussian(d), epsilon: 1e-3 } as const;
const wideX = gaussian(n, 32);
const [x, u, v] = [gaussian(n, d), gaussian(n, d), gaussian(n, d)];
const xs = [gaussian(2, d), gaussian(3, d), gaussian(4, d)];

/** Makes what a call is made on, and the call; what the call returns is disposed of where it can be. */
type Call = (runtime: Runtime) => Promise<{ dispose(): void; call(): unknown }> | { dispose(): void; call(): unknown };

const nothing = () => {};
const on = (make: (runtime: Runtime) => LinearizableLayer, call: (layer: LinearizableLayer) => unknown): Call => {
  return (runtime) => {
    const layer = make(runtime);
    return { dispose: () => layer.dispose(), call: () => call(layer) };
  };
};
const at = (
  make: (runtime: Runtime) => LinearizableLayer,
  call: (at: Awaited<ReturnType<LinearizableLayer["linearize"]>>) => unknown,
  input = x,
): Call => {
  return async (runtime) => {
    const layer = make(runtime);
    const linearization = await layer.linearize(input);
    layer.dispose();
    return { dispose: () => linearization.dispose(), call: () => call(linearization) };
  };
};
const attention = (runtime: Runtime) => runtime.attention(spec);
/** Its parts are let go, also where it cannot be made. */
const block = (runtime: Runtime) => {
  const parts: LinearizableLayer[] = [];
  const part = (layer: LinearizableLayer) => {
    parts.push(layer);
    return layer;
  };
  try {
    const normed = part(runtime.norm(normSpec));
    const chain = runtime.chain([normed, part(runtime.attention(spec)), part(runtime.feedForward(feedForward))]);
    return runtime.sum([normed, part(runtime.residual(part(chain)))]);
  } finally {
    for (const made of parts) made.dispose();
  }
};

const calls: Record<string, Call> = {
  attention: (runtime) => ({ dispose: nothing, call: () => runtime.attention(spec) }),
  linear: (runtime) => ({ dispose: nothing, call: () => runtime.linear(linear(d, 3)) }),
  norm: (runtime) => ({ dispose: nothing, call: () => runtime.norm(normSpec) }),
  activation: (runtime) => ({ dispose: nothing, call: () => runtime.activation("gelu") }),
  activate: (runtime) => ({ dispose: nothing, call: () => runtime.activate("gelu", x) }),
  feedForward: (runtime) => ({ dispose: nothing, call: () => runtime.feedForward(feedForward) }),
  "attention.head": (runtime) => {
    const layer = runtime.attention(spec);
    return { dispose: () => layer.dispose(), call: () => layer.head(1) };
  },
  "attention.probabilities": (runtime) => {
    const layer = runtime.attention(spec);
    return { dispose: () => layer.dispose(), call: () => layer.probabilities(x) };
  },
  "attention.forward": on(attention, (layer) => layer.forward(x)),
  "attention.linearize": on(attention, (layer) => layer.linearize(x)),
  localLipschitz: on(attention, (layer) => localLipschitz(layer, x, { maxSteps: 20 })),
  "localLipschitz of a head": on(
    (runtime) => {
      const layer = runtime.attention(wide);
      const head = layer.head(2);
      layer.dispose();
      return head;
    },
    (head) => localLipschitz(head, wideX, { maxSteps: 20 }),
  ),
  localLipschitzBatch: on(attention, (layer) => localLipschitzBatch(layer, xs, { maxSteps: 20 })),
  "adversarial.ascend": on(attention, (layer) => adversarial.ascend(layer, x, { radius: 1, steps: 2 })),
  "invertible.residual": on(attention, async (layer) => {
    const g = invertible.residual(layer, { c: 0.5, lipschitz: 40 });
    return g.inverse(await g.forward(x), { maxSteps: 3 });
  }),
  jvp: at(attention, (J) => J.jvp(u)),
  vjp: at(attention, (J) => J.vjp(v)),
  toDense: at(attention, (J) => toDense(J)),
  gradient: at(attention, (J) => gradient(J, u, v)),
  "norm(2)": at(attention, (J) => norm(J, 2)),
  "norm(fro)": at(attention, (J) => norm(J, "fro")),
  upperBound: at(attention, (J) => upperBound(J)),
  blockNorms: at(attention, (J) => blockNorms(J)),
  "blockNorms by rows": at(attention, (J) => blockNorms(J, { kind: "frobenius" })),
  spectralNorm: at(attention, (J) => spectralNorm(J, { maxSteps: 20 })),
  "spectralNorm under a budget": at(attention, (J) => {
    return spectralNorm(J, { maxSteps: 30, basisBudget: 8 * 6 * 64 * 8, bracket: 1e-9 });
  }),
  "the power method": at(attention, (J) => spectralNorm(J, { method: "power", maxSteps: 5 })),
  "a block": (runtime) => ({ dispose: nothing, call: () => block(runtime) }),
  "a block's forward": on(block, (layer) => layer.forward(x)),
  "a block's linearize": on(block, (layer) => layer.linearize(x)),
  "a block's jvp": at(block, (J) => J.jvp(u)),
  "a block's gradient": at(block, (J) => gradient(J, u, v)),
  "a block's sigma": at(block, (J) => spectralNorm(J, { maxSteps: 10 })),
  "a block's norm": at(block, (J) => norm(J, 1)),
};

/** Lets allocations through but one. */
class Allocator {
  made = 0;
  failing = Number.POSITIVE_INFINITY;

  constructor(owner: { allocate(bytes: number, ...rest: unknown[]): unknown }) {
    const allocate = owner.allocate.bind(owner);
    owner.allocate = (bytes, ...rest) => {
      if (++this.made === this.failing) throw new OutOfMemoryError(String(rest[0]), bytes, 0);
      return allocate(bytes, ...rest);
    };
  }

  async counted<T>(call: () => T, failing = Number.POSITIVE_INFINITY): Promise<number> {
    this.made = 0;
    this.failing = failing;
    try {
      const result = (await call()) as { dispose?(): void } | undefined;
      if (typeof result?.dispose === "function") result.dispose();
      return this.made;
    } finally {
      this.failing = Number.POSITIVE_INFINITY;
    }
  }
}

describe.each(variants.slice(0, 1))("a failed allocation in $name", (variant) => {
  it.each(Object.keys(calls))("in %s leaves the memory as it was, and the next call works", async (name) => {
    const runtime = await variantRuntime(variant);
    const { heap, gpu } = runtime as unknown as { heap?: never; gpu?: { memory: never } };
    const allocator = new Allocator((heap ?? gpu?.memory) as never);
    const clean = runtime.memoryUsed;
    // What a layer keeps of its first use: what a head is made of, and its copy in f64.
    let kept = 0;
    const attempts = async (failing?: number) => {
      const { call, dispose } = await calls[name](runtime);
      const before = runtime.memoryUsed;
      const outcome = await allocator.counted(call, failing).catch((error) => error);
      if (failing === undefined) kept = runtime.memoryUsed - before;
      else if (!name.includes("head")) expect([before, before + kept]).toContain(runtime.memoryUsed);
      if (failing !== undefined) {
        expect(outcome, `allocation ${failing}`).toBeInstanceOf(OutOfMemoryError);
        expect(await allocator.counted(call)).not.toBe(0);
      }
      dispose();
      expect(runtime.memoryUsed).toBe(clean);
      return outcome;
    };
    const count = await attempts();
    if (!["activation", "upperBound"].includes(name)) expect(count).toBeGreaterThan(0);
    for (let failing = 1; failing <= count; failing++) await attempts(failing);
    runtime.dispose();
  });
});
