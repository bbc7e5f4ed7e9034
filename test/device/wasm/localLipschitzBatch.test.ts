// Many inputs of one layer, held against the same inputs one by one.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OutOfMemoryError } from "../../../src/base/errors.js";
import { Random } from "../../../src/base/random.js";
import { type Tensor, tensor } from "../../../src/base/tensor.js";
import type { LinearizableLayer } from "../../../src/device/linearization.js";
import { createRuntime, type Runtime } from "../../../src/measure/createRuntime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { type BatchProgress, localLipschitzBatch, TOKENS_AT_ONCE } from "../../../src/measure/localLipschitzBatch.js";
import { attentionCases } from "../../reference/arbitraries.js";
import { variantRuntime, variants } from "../variants.js";

const random = new Random(3);
const gaussian = (rows: number, columns: number, std = 1) =>
  tensor(random.fillGaussian(new Float64Array(rows * columns), std), [rows, columns]);
const linear = (from: number, to: number) => ({ weight: gaussian(from, to, 1 / Math.sqrt(from)) });
const heapOf = (runtime: Runtime) => (runtime as unknown as { heap: { used: number } }).heap;

const somewhere = fc.constantFrom("none" as const, "causal" as const, { window: { left: 3, right: 1 } });

describe.each(variants)("localLipschitzBatch in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(["dot-product", "l2"] as const)("gives what localLipschitz gives, to the last bit, for %s", async (kind) => {
    const lengths = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 });
    const options = fc.constantFrom({}, { start: "random" as const }, { method: "power" as const, maxSteps: 8 });
    const before = heapOf(runtime).used;
    await fc.assert(
      fc.asyncProperty(attentionCases({ kind }), somewhere, lengths, options, async (drawn, mask, ns, how) => {
        const whole = runtime.attention({ ...drawn.spec, mask });
        for (const layer of [whole, whole.head(0)]) {
          const xs = ns.map((n) => gaussian(n, drawn.dIn));
          const seed = ns.map((_, i) => 7 * i);
          const together = await localLipschitzBatch(layer, xs, { ...how, seed });
          for (const [i, x] of xs.entries()) {
            expect(together[i]).toEqual(await localLipschitz(layer, x, { ...how, seed: seed[i] }));
          }
          layer.dispose();
        }
      }),
      { numRuns: 10, seed: 4 },
    );
    expect(heapOf(runtime).used).toBe(before);
  });
});

describe("localLipschitzBatch", () => {
  let runtime: Runtime;
  let layer: ReturnType<Runtime["attention"]>;
  beforeAll(async () => {
    runtime = await createRuntime({ device: "wasm" });
    layer = runtime.attention({
      heads: 2,
      query: linear(8, 8),
      key: linear(8, 8),
      value: linear(8, 8),
      output: linear(8, 8),
      mask: "causal",
      rope: { base: 100 },
    });
  });
  afterAll(() => runtime.dispose());

  it("takes more inputs than are under way at a time, also one that is longer than that", async () => {
    const xs = [100, TOKENS_AT_ONCE + 1, 90, 130, 3, 200].map((n) => gaussian(n, 8));
    const together = await localLipschitzBatch(layer, xs, { rtol: 1e-3 });
    for (const [i, x] of xs.entries()) expect(together[i]).toEqual(await localLipschitz(layer, x, { rtol: 1e-3 }));
    expect(await localLipschitzBatch(layer, [])).toEqual([]);
  });

  it("takes the steps of all inputs in turns, and says which input each was of", async () => {
    const events: BatchProgress[] = [];
    const xs = [5, 9, 4].map((n) => gaussian(n, 8));
    const results = await localLipschitzBatch(layer, xs, { onProgress: (event) => events.push(event) });
    const first = events.slice(0, 6).map(({ input, step }) => [step, input]);
    expect(first.sort()).toEqual([1, 2].flatMap((step) => [0, 1, 2].map((input) => [step, input])));
    for (const [i, { steps }] of results.entries()) {
      expect(events.filter(({ input }) => input === i)).toHaveLength(steps);
    }
  });

  it("takes a basis budget, which inputs pass at steps of their own", async () => {
    const xs = [30, 4, 45].map((n) => gaussian(n, 8));
    const options = { rtol: 1e-6, basisBudget: 12 * 48 * 8 * 4 };
    const together = await localLipschitzBatch(layer, xs, options);
    for (const [i, x] of xs.entries()) expect(together[i]).toEqual(await localLipschitz(layer, x, options));
    expect(new Set(together.map(({ reorthogonalization }) => reorthogonalization))).toEqual(
      new Set(["full", "one-sided"]),
    );
  });

  it("names a wrong input or option before any work", async () => {
    const good = gaussian(3, 8);
    const bad = gaussian(3, 8);
    bad.data[9] = Number.NaN;
    const refusals: [unknown, object, RegExp][] = [
      [[good, good, good, bad], {}, /"xs\[3\]": expected finite numbers, got NaN at \[1, 1\]/],
      [[good, gaussian(3, 7)], {}, /"xs\[1\]": expected shape \[\*, 8\], got \[3, 7\]/],
      [good, {}, /"xs": expected an array of tensors/],
      [[good], { seed: [1, 2] }, /"seed": expected one seed for each of the 1 inputs, got 2/],
      [[good, good], { seed: [1, -2] }, /"seed\[1\]": expected an integer of at least 0, got -2/],
      [[good], { start: good }, /"start": expected "random"/],
      [[good], { steps: 3 }, /"options": unknown key "steps"/],
      [[good], { rtol: 2 }, /"rtol": expected a finite number/],
    ];
    const before = heapOf(runtime).used;
    for (const [xs, options, message] of refusals) {
      await expect(localLipschitzBatch(layer, xs as Tensor[], options)).rejects.toThrow(message);
    }
    expect(heapOf(runtime).used).toBe(before);
  });

  it("stops at an abort, and where one input fails, and leaves no memory behind", async () => {
    const before = heapOf(runtime).used;
    const xs = [30, 20, 40].map((n) => gaussian(n, 8));
    const aborted = new AbortController();
    const onProgress = ({ step }: BatchProgress) => {
      if (step === 2) aborted.abort(new Error("enough"));
    };
    const { signal } = aborted;
    await expect(localLipschitzBatch(layer, xs, { rtol: 0, signal, onProgress })).rejects.toThrow("enough");
    expect(heapOf(runtime).used).toBe(before);
    const huge = tensor(
      gaussian(4, 8).data.map((value) => value * 1e20),
      [4, 8],
    );
    await expect(localLipschitzBatch(layer, [xs[0], huge, xs[1]])).rejects.toThrow("the attention scores overflow f32");
    expect(heapOf(runtime).used).toBe(before);
    expect((await localLipschitzBatch(layer, xs)).map(({ status }) => status)).toEqual(Array(3).fill("converged"));
  });

  it("says what does not fit in memory, wherever in the work that is", async () => {
    const { spec } = fc.sample(attentionCases(), { numRuns: 1, seed: 3 })[0];
    const [small, mask] = [{ ...spec, mask: "causal" as const }, Array.from({ length: 12 })];
    let failures = 0;
    for (let memoryLimit = 60_000; memoryLimit < 300_000; memoryLimit += 20_000) {
      const tight = await createRuntime({ device: "wasm", memoryLimit });
      try {
        const here = tight.attention(small);
        const before = heapOf(tight).used;
        const xs = mask.map(() => gaussian(6, here.dIn));
        await localLipschitzBatch(here, xs).catch((error) => {
          expect(error).toBeInstanceOf(OutOfMemoryError);
          failures++;
        });
        expect(heapOf(tight).used).toBe(before);
      } finally {
        tight.dispose();
      }
    }
    expect(failures).toBeGreaterThan(2);
  });

  it("goes input by input where threads share the work", async () => {
    const team = await createRuntime({ device: "wasm", threads: 2 });
    const spec = { heads: 2, query: linear(8, 8), key: linear(8, 8), value: linear(8, 8) };
    const [alone, shared] = [runtime, team].map((one) => one.attention(spec));
    const xs = [7, 12].map((n) => gaussian(n, 8));
    expect(await localLipschitzBatch(shared, xs)).toEqual(await localLipschitzBatch(alone, xs));
    alone.dispose();
    team.dispose();
  });

  it("measures a layer of another make input by input", async () => {
    let alive = 0;
    const other: LinearizableLayer = {
      dIn: 2,
      dOut: 2,
      linearize: async (x) => {
        expect(++alive).toBe(1);
        const shape = [(x as Tensor).shape[0], 2];
        const twice = async ({ data }: { data: Tensor["data"] }) =>
          tensor(
            data.map((value) => 2 * value),
            shape,
          );
        const at = { inShape: shape, outShape: shape, jvp: twice, vjp: twice, dispose: () => alive-- };
        return at as unknown as Awaited<ReturnType<LinearizableLayer["linearize"]>>;
      },
      forward: async () => gaussian(1, 2),
      dispose: () => undefined,
      [Symbol.dispose]: () => undefined,
    };
    const results = await localLipschitzBatch(other, [gaussian(1, 2), gaussian(3, 2)]);
    for (const { sigma } of results) expect(sigma).toBeCloseTo(2, 10);
  });
});
