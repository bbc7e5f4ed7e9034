import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { HostOperator } from "../../src/device/host.js";
import type { LinearOperator } from "../../src/device/operator.js";
import type { HasKrylovSpace, KrylovOptions, KrylovSpace } from "../../src/spectral/krylov.js";
import { DeviceKrylovSpace } from "../../src/spectral/krylovSpace.js";
import type { SpectralNorm, SpectralNormOptions, SpectralNormProgress } from "../../src/spectral/result.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { dense, diagonal, withSpectrum, zeros } from "./operators.js";

const spectrum = [4, 3, 2.5, 1, 0.3];
const methods = ["lanczos", "power"] as const;

describe.each(methods)("spectralNorm by %s", (method) => {
  it.each([
    ["wide", [2, 3], [7]],
    ["tall", [5], [3, 4]],
    ["square", [8], [8]],
  ])("finds the largest singular value and its vectors of a %s operator", async (_, inShape, outShape) => {
    const [inn, out] = [inShape, outShape].map((shape) => shape.reduce((a, b) => a * b));
    const op = dense(withSpectrum(spectrum, out, inn), inShape, outShape);
    const found = await spectralNorm(op, { method });
    expect(Math.abs(found.sigma / 4 - 1)).toBeLessThan(1e-8);
    await expectConsistent(op, found);
    expect(found.certified).toBe(true);
  });

  it("runs on the smaller side, or on the input side with a guess", async () => {
    const op = dense(withSpectrum(spectrum, 6, 40));
    const start = tensor(new Float64Array(40).fill(1), [40]);
    const narrow = await spectralNorm(op, { method, maxSteps: 2, rtol: 0 });
    const wide = await spectralNorm(op, { method, maxSteps: 2, rtol: 0, start });
    expect(narrow.upper / narrow.sigma).toBeLessThan(wide.upper / wide.sigma);
    await expectConsistent(op, narrow);
    await expectConsistent(op, wide);
  });

  it("repeats for a seed and differs for another", async () => {
    const op = diagonal(Array.from({ length: 50 }, (_, i) => 1 / (1 + i)));
    const [first, again, other] = await Promise.all([3, 3, 4].map((seed) => spectralNorm(op, { method, seed })));
    expect(again).toEqual(first);
    expect(first.seed).toBe(3);
    expect(other.history[0]).not.toBe(first.history[0]);
  });

  it("reports every step, in order", async () => {
    const events: SpectralNormProgress[] = [];
    const { history, steps, applications } = await spectralNorm(diagonal(evenly(30)), {
      method,
      maxSteps: 9,
      rtol: 0,
      onProgress: (event) => events.push(event),
    });
    expect(events).toEqual(Array.from(history, (sigma, i) => ({ type: "step", step: i + 1, maxSteps: 9, sigma })));
    expect(steps).toBe(9);
    expect(applications).toBe(19);
    for (let k = 1; k < 9; k++) expect(history[k]).toBeGreaterThanOrEqual(history[k - 1] * (1 - 1e-14));
  });

  it("calls the operator as often as it says", async () => {
    let calls = 0;
    const op = diagonal(evenly(30));
    const counting = (act: LinearOperator["jvp"]) => (u: Tensor) => {
      calls++;
      return act(u);
    };
    const { applications } = await spectralNorm({ ...op, jvp: counting(op.jvp), vjp: counting(op.vjp) }, { method });
    expect(calls).toBe(applications);
  });

  it("has zero for a zero operator, after one step", async () => {
    const shapes = { inShape: [2, 3], outShape: [4] };
    const op = { ...shapes, jvp: async () => zeros([4]), vjp: async () => zeros([2, 3]) };
    const found = await spectralNorm(op, { method, bracket: 0.1 });
    expect(found).toMatchObject({ sigma: 0, lower: 0, upper: 0, residual: 0, status: "zero-operator", steps: 1 });
    expect(found.left.shape).toEqual([4]);
    expect(found.right.shape).toEqual([2, 3]);
    expect(Math.hypot(...found.left.data)).toBe(1);
    expect(Math.hypot(...found.right.data)).toBeCloseTo(1, 14);
  });

  it("solves operators of one and two dimensions, at any scale", async () => {
    for (const scale of [1e-200, 1, 1e200]) {
      for (const values of [[3], [3, 2], [2, 2]]) {
        const scaled = values.map((value) => value * scale);
        const op = diagonal(scaled);
        for (const start of [undefined, tensor(new Float64Array(values.length).fill(-1), [values.length])]) {
          const { sigma, lower, upper } = await spectralNorm(op, { method, start });
          expect(Math.abs(sigma / scaled[0] - 1)).toBeLessThan(1e-8);
          expect(lower).toBeLessThanOrEqual(scaled[0]);
          expect(upper).toBeGreaterThanOrEqual(scaled[0]);
          expect(upper).toBeLessThan(Number.POSITIVE_INFINITY);
        }
      }
    }
  });

  it("stops at maxSteps with a status, having done exactly as many steps", async () => {
    const found = await spectralNorm(diagonal(evenly(400)), { method, maxSteps: 3 });
    expect(found).toMatchObject({ status: "step-limit", steps: 3 });
    expect(found.message).toMatch(
      /^Stopped at the 3 steps allowed with an estimated relative error of 0\.\d+ .*maxSteps/,
    );
    expect(found.lower).toBeLessThanOrEqual(1);
    expect(found.upper).toBeGreaterThan(1);
  });

  it("stops at the floor of its arithmetic when rtol lies below it", async () => {
    const found = await spectralNorm(diagonal([5, 1, 0.5, ...evenly(60)]), { method, rtol: 0 });
    expect(found.status).toBe("precision-limit");
    expect(Math.abs(found.sigma / 5 - 1)).toBeLessThan(1e-14);
    expect(found.message).toContain("rtol = 0; ask for no more");
  });

  it("goes on until the bracket is as narrow as asked", async () => {
    const op = diagonal([2, ...evenly(80)]);
    const plain = await spectralNorm(op, { method });
    const bracket = method === "lanczos" ? 1e-9 : 0.05;
    const narrow = await spectralNorm(op, { method, bracket, failureProbability: 0.01 });
    expect(narrow.status).toBe("converged");
    expect(narrow.steps).toBeGreaterThan(plain.steps);
    expect(narrow.upper / narrow.lower - 1).toBeLessThanOrEqual(bracket);
    const short = await spectralNorm(op, { method, bracket: bracket / 1e3, maxSteps: narrow.steps });
    expect(short.status).toBe("step-limit");
    expect(short.message).toContain(`bracket of ${bracket / 1e3}`);
  });

  it("says so when rounding alone is wider than the bracket", async () => {
    const found = await spectralNorm(diagonal([2, ...evenly(80)]), { method, bracket: 1e-15 });
    expect(found.status).toBe("precision-limit");
    expect(found.message).toContain("a bracket of 1e-15");
  });

  it("takes fewer steps with a good guess", async () => {
    const op = diagonal(Array.from({ length: 500 }, (_, i) => 1 / (1 + i / 200)));
    const random = await spectralNorm(op, { method, rtol: 1e-3 });
    const helped = await spectralNorm(op, { method, rtol: 1e-3, start: basisVector(500, 0, 7) });
    expect(helped.steps).toBeLessThan(random.steps);
    expect(helped.sigma).toBeGreaterThan(0.999);
  });

  it("finds its way from a wrong guess, and `upper` covers where it does not", async () => {
    const apart = diagonal([1, 0.7, ...evenly(200).map((value) => 0.6 * value)]);
    const start = basisVector(202, 1, 1e-3);
    expect((await spectralNorm(apart, { method, start })).sigma).toBeGreaterThan(1 - 1e-8);
    const close = diagonal([1, 0.999, ...evenly(200).map((value) => 0.1 * value)]);
    const misled = await spectralNorm(close, { method, start, rtol: 0.01, maxSteps: 3 });
    expect(misled.upper).toBeGreaterThan(1);
  });

  it("stops for an aborted signal, with its reason, between steps", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let steps = 0;
    const onProgress = () => {
      if (++steps === 2) controller.abort(reason);
    };
    const run = spectralNorm(diagonal(evenly(90)), { method, signal: controller.signal, onProgress });
    await expect(run).rejects.toBe(reason);
    expect(steps).toBe(2);
    await expect(spectralNorm(diagonal([1]), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("spectralNorm", () => {
  it("closes the Krylov space of an operator of low rank, and says that sigma is exact", async () => {
    const op = dense(withSpectrum([2, 1.5], 30, 30));
    const found = await spectralNorm(op, { rtol: 1e-12 });
    expect(found.status).toBe("breakdown");
    expect(found.steps).toBe(3);
    expect(found.message).toContain("closed after 3 steps");
    expect(Math.abs(found.sigma - 2)).toBeLessThan(1e-14);
    await expectConsistent(op, found);
  });

  it("closes the space of a wide operator begun on its large side", async () => {
    const op = dense(withSpectrum([2, 1.5], 2, 30));
    const start = tensor(new Float64Array(30).fill(1), [30]);
    const found = await spectralNorm(op, { rtol: 1e-12, start });
    expect(found).toMatchObject({ status: "breakdown", steps: 3 });
    expect(Math.abs(found.sigma - 2)).toBeLessThan(1e-14);
  });

  it("takes another space than the host's from the operator, and disposes of it, whatever happens", async () => {
    const asked: KrylovOptions[] = [];
    let open = 0;
    const op: LinearOperator & HasKrylovSpace = {
      ...dense(withSpectrum([4, ...evenly(24)], 25, 40)),
      async krylov(options) {
        asked.push(options);
        open++;
        return singlePrecision(new DeviceKrylovSpace(new HostOperator(op), options), () => open--);
      },
    };
    const found = await spectralNorm(op);
    expect(found).toMatchObject({ status: "converged", certified: false });
    expect(found.left.data).toBeInstanceOf(Float32Array);
    expect(Math.abs(found.sigma / 4 - 1)).toBeLessThan(1e-4);
    expect(found.lower).toBeLessThanOrEqual(4);
    expect((await spectralNorm(op, { rtol: 1e-7 })).status).toBe("precision-limit");
    await spectralNorm(op, { method: "power", start: tensor(new Float64Array(40).fill(1), [40]) });
    await expect(spectralNorm(op, { onProgress: fail })).rejects.toThrow("listener failed");
    expect(open).toBe(0);
    expect(asked).toEqual([
      { transposed: true, maxSteps: 25 },
      { transposed: true, maxSteps: 25 },
      { transposed: false, maxSteps: 1 },
      { transposed: true, maxSteps: 25 },
    ]);
  });

  it("refuses a space that overflows, and names the step", async () => {
    const op: LinearOperator & HasKrylovSpace = {
      ...diagonal(spectrum),
      async krylov(options) {
        const space = singlePrecision(new DeviceKrylovSpace(new HostOperator(op), options), () => {});
        return { ...space, bidiagonalize: async () => ({ alpha: Number.POSITIVE_INFINITY, beta: 0 }) };
      },
    };
    await expect(spectralNorm(op)).rejects.toThrow('"op": expected finite numbers, got alpha = Infinity in step 1');
  });
});

describe("spectralNorm refuses", () => {
  const op = diagonal([1, 2, 3]);
  const wrongOptions: [object, ErrorConstructor, string][] = [
    [{ methd: "power" }, TypeError, 'unknown key "methd"'],
    [{ method: "arnoldi" }, RangeError, '"method": expected one of "lanczos", "power"'],
    [{ rtol: -1e-3 }, RangeError, '"rtol"'],
    [{ rtol: 1 }, RangeError, '"rtol"'],
    [{ rtol: "1e-3" }, TypeError, '"rtol"'],
    [{ maxSteps: 0 }, RangeError, '"maxSteps": expected an integer of at least 1, got 0'],
    [{ maxSteps: 2.5 }, RangeError, '"maxSteps"'],
    [{ bracket: 0 }, RangeError, '"bracket"'],
    [{ seed: -1 }, RangeError, '"seed"'],
    [{ failureProbability: 0 }, RangeError, '"failureProbability"'],
    [{ failureProbability: 1 }, RangeError, '"failureProbability"'],
    [{ basisBudget: -1 }, RangeError, '"basisBudget": expected an integer of at least 0, got -1'],
    [{ basisBudget: 143 }, RangeError, '"basisBudget": expected at least 144 bytes, which is 5 f64 vectors'],
    [{ start: [1, 2, 3] }, TypeError, '"start.data"'],
    [{ start: tensor(new Float64Array(2), [2]) }, RangeError, '"start": expected shape [3], got [2]'],
    [{ start: zeros([3]) }, RangeError, '"start": expected a tensor that is not zero'],
    [{ onProgress: 3 }, TypeError, '"onProgress"'],
    [{ signal: true }, TypeError, '"signal"'],
  ];
  it.each(wrongOptions)("%o", async (options, kind, message) => {
    const failure = await spectralNorm(op, options as SpectralNormOptions).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(message);
  });

  const wrongOperators: [unknown, ErrorConstructor, string][] = [
    [null, TypeError, '"op": expected a linear operator'],
    [{ ...op, inShape: 3 }, TypeError, '"op.inShape"'],
    [{ ...op, outShape: [0] }, RangeError, '"op.outShape"'],
    [{ ...op, vjp: undefined }, TypeError, '"op.vjp": expected a function, got undefined'],
  ];
  it.each(wrongOperators)("the operator %o", async (wrong, kind, message) => {
    const failure = await spectralNorm(wrong as LinearOperator).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(message);
  });
});

/** lower ≤ sigma ≤ upper, unit vectors, ⟨left, J right⟩ = sigma, and the residual that was reported. */
async function expectConsistent(op: LinearOperator, found: SpectralNorm): Promise<void> {
  const { sigma, lower, upper, left, right, residual, history, steps } = found;
  expect(lower).toBeLessThanOrEqual(sigma);
  expect(upper).toBeGreaterThanOrEqual(sigma);
  expect(lower / sigma).toBeGreaterThan(1 - 1e-12);
  expect(left.shape).toEqual(op.outShape);
  expect(right.shape).toEqual(op.inShape);
  expect(Math.hypot(...left.data)).toBeCloseTo(1, 13);
  expect(Math.hypot(...right.data)).toBeCloseTo(1, 13);
  const forward = (await op.jvp(right)).data.map((entry, i) => entry - sigma * left.data[i]);
  const backward = (await op.vjp(left)).data.map((entry, i) => entry - sigma * right.data[i]);
  expect(Math.max(Math.hypot(...forward), Math.hypot(...backward))).toBeCloseTo(residual, 12);
  expect(Math.min(Math.hypot(...forward), Math.hypot(...backward))).toBeCloseTo(0, 12);
  expect(history.length).toBe(steps);
  expect(history[steps - 1]).toBe(sigma);
}

/** A space that rounds what it hands back as an f32 device does. */
function singlePrecision(space: KrylovSpace, onDispose: () => void): KrylovSpace {
  const round = ({ data, shape }: Tensor) => tensor(Float32Array.from(data), shape);
  return {
    domainSize: space.domainSize,
    rangeSize: space.rangeSize,
    vectorBytes: space.vectorBytes,
    dtype: "f32",
    roundoff: 1e-5,
    begin: (start) => space.begin(start),
    async bidiagonalize(k) {
      const { alpha, beta } = await space.bidiagonalize(k);
      return { alpha: Math.fround(alpha), beta: Math.fround(beta) };
    },
    async tridiagonalize(k) {
      const { alpha, beta } = await space.tridiagonalize(k);
      return { alpha: Math.fround(alpha), beta: Math.fround(beta) };
    },
    async iterate() {
      const { sigma, residual } = await space.iterate();
      return { sigma: Math.fround(sigma), residual: Math.fround(residual) };
    },
    restart: (reflections, size, kept) => space.restart(reflections, size, kept),
    async ritzPair(q) {
      const { range, domain, stretch } = await space.ritzPair(q);
      return { range: round(range), domain: round(domain), stretch: Math.fround(stretch) };
    },
    dispose: onDispose,
  };
}

function basisVector(size: number, at: number, length: number): Tensor {
  const vector = zeros([size]);
  vector.data[at] = length;
  return vector;
}

function fail(): never {
  throw new Error("listener failed");
}

/** Values from near 1 down to near 0. */
function evenly(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 1 - i / count);
}

describe("the bracket's upper end", () => {
  it.each([
    ["a steep spectrum", Array.from({ length: 300 }, (_, i) => 1 / (1 + i))],
    [
      "a plateau under the leading value",
      [1.001, ...Array.from({ length: 299 }, (_, i) => (i < 40 ? 1 - i / 40000 : 0.5))],
    ],
  ])("fails no more often than asked on %s", async (_, values) => {
    const largest = Math.max(...values);
    for (const maxSteps of [2, 4, 8]) {
      let failures = 0;
      for (let seed = 0; seed < 200; seed++) {
        const { upper } = await spectralNorm(diagonal(values), { maxSteps, rtol: 0, failureProbability: 0.1, seed });
        if (upper < largest * (1 - 1e-12)) failures++;
      }
      // Three standard deviations above 200 · 0.1.
      expect(failures).toBeLessThanOrEqual(33);
    }
  });
});
