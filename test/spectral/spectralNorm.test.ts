import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { Device } from "../../src/device/device.js";
import { HostOperator, type HostVector, hostDevice } from "../../src/device/host.js";
import type { DeviceOperator, LinearOperator, OnDevice } from "../../src/device/operator.js";
import { addScaled, divided, dot, norm } from "../../src/linalg/vector.js";
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
    const found = await spectralNorm(op, { method, rtol: method === "lanczos" ? 1e-8 : 1e-2 });
    expect(Math.abs(found.sigma / 4 - 1)).toBeLessThan(1e-8);
    expect(["converged", "exact"]).toContain(found.status);
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
          const rtol = method === "lanczos" ? 1e-8 : 1e-2;
          const { sigma, lower, upper } = await spectralNorm(op, { method, start, rtol });
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
      /^The 3 steps allowed prove sigma within 0\.\d+ with 95 % confidence, where rtol = 0\.01 .*raise maxSteps/,
    );
    expect(found.lower).toBeLessThanOrEqual(1);
    expect(found.upper).toBeGreaterThan(1);
  });

  it("goes on until rtol and bracket are both proven, and reports how near it is", async () => {
    const op = diagonal([2, ...evenly(80)]);
    const [rtol, bracket] = method === "lanczos" ? [1e-9, 1e-9] : [0.02, 0.1];
    const plain = await spectralNorm(op, { method });
    const near = await spectralNorm(op, { method, rtol });
    const narrow = await spectralNorm(op, { method, bracket, failureProbability: 1e-12 });
    for (const found of [plain, near, narrow]) expect(found.status).toBe("converged");
    expect(plain.accuracy).toBeLessThanOrEqual(1e-2);
    expect(plain.upper / plain.lower - 1).toBeLessThanOrEqual(0.1);
    expect(near.accuracy).toBeLessThanOrEqual(rtol);
    expect(narrow.upper / narrow.lower - 1).toBeLessThanOrEqual(bracket);
    if (method === "lanczos") expect(near.steps).toBeGreaterThan(plain.steps);
    expect(narrow.steps).toBeGreaterThan(method === "lanczos" ? plain.steps : 0);
    for (const { message, accuracy } of [plain, near]) {
      expect(message).toContain(`sigma is within ${Number(accuracy.toPrecision(2))} with 95 % confidence`);
    }
    const short = await spectralNorm(op, { method, bracket: bracket / 1e3, maxSteps: plain.steps });
    expect(short.status).toBe("step-limit");
    expect(short.message).toContain(`bracket of ${bracket / 1e3}`);
  });

  it("is nearer at once with a good guess, whose proof costs next to nothing", async () => {
    const op = diagonal(Array.from({ length: 500 }, (_, i) => 1 / (1 + i / 200)));
    const random = await spectralNorm(op, { method });
    const helped = await spectralNorm(op, { method, start: basisVector(500, 0, 7) });
    // The guess doubles what the proof must allow for.
    expect(helped.steps).toBeLessThanOrEqual(random.steps * 1.15);
    expect(helped.sigma).toBeGreaterThan(1 - 1e-5);
    expect(helped.history[2]).toBeGreaterThan(random.history[2]);
  });

  it("finds its way from a wrong guess, and `upper` covers where it does not", async () => {
    const apart = diagonal([1, 0.7, ...evenly(200).map((value) => 0.6 * value)]);
    const start = basisVector(202, 1, 1e-3);
    expect((await spectralNorm(apart, { method, start })).sigma).toBeGreaterThan(1 - 1e-2);
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

describe("spectralNorm where its arithmetic ends", () => {
  it("goes on to what rounding allows, and says that rtol lies below it", async () => {
    const found = await spectralNorm(diagonal([5, 1, 0.5, ...evenly(60)]), { rtol: 0 });
    expect(found.status).toBe("precision-limit");
    expect(Math.abs(found.sigma / 5 - 1)).toBeLessThan(1e-14);
    expect(found.accuracy).toBeLessThan(1e-12);
    expect(found.message).toContain("rtol = 0; ask for no more");
  });

  it("goes on to what rounding allows, and says that the bracket lies below it", async () => {
    const found = await spectralNorm(diagonal([2, ...evenly(80)]), { bracket: 1e-15 });
    expect(found.status).toBe("precision-limit");
    expect(found.upper / found.lower - 1).toBeLessThan(1e-12);
    expect(found.message).toContain("a bracket of 1e-15");
  });

  it("calls nothing converged or exact where rounding may be a hundredth of sigma", async () => {
    for (const values of [[3, 2, 1], evenly(50), [1, ...new Array<number>(20).fill(0)]]) {
      const found = await spectralNorm(withRoundoff(diagonal(values), 1e-2));
      expect(found.status).toBe("precision-limit");
      expect(found.message).toContain("no better than rounding");
      expect(found.upper).toBeGreaterThanOrEqual(values[0]);
    }
  });

  it("says that numbers underflow, which is no zero operator", async () => {
    const found = await spectralNorm(diagonal([4e-320, 3e-320, 1e-320]));
    expect(found).toMatchObject({ status: "precision-limit", steps: 1 });
    expect(found.message).toContain("underflow");
    expect(found.sigma).toBeGreaterThan(0);
    expect(found.upper).toBeGreaterThanOrEqual(4e-320);
  });

  it("has brackets that hold for an operator perturbed by exactly the rounding allowed for", async () => {
    const roundoff = 1e-3;
    const values = [1, 0.999, 0.7, ...evenly(57).map((value) => 0.5 * value)];
    for (let seed = 0; seed < 60; seed++) {
      const op = withRoundoff(perturbed(diagonal(values), roundoff, seed), roundoff);
      const found = await spectralNorm(op, { seed, bracket: 0.02 });
      expect(found.lower).toBeLessThanOrEqual(1);
      expect(found.upper).toBeGreaterThanOrEqual(1);
      expect(found.upper / found.lower - 1).toBeLessThanOrEqual(0.02);
      expect(Math.abs(found.sigma - 1)).toBeLessThanOrEqual(found.accuracy);
    }
  });
});

describe("spectralNorm", () => {
  it("is exact where the Krylov space is the whole space, or closes twice", async () => {
    const whole = await spectralNorm(diagonal([3, 2, 1]), { rtol: 1e-14 });
    expect(whole).toMatchObject({ status: "exact", steps: 3 });
    const op = dense(withSpectrum([2, 1.5], 30, 30));
    const closed = await spectralNorm(op, { rtol: 1e-12 });
    expect(closed.status).toBe("exact");
    // Three steps close the space, one shows that nothing is left outside of it.
    expect(closed.steps).toBe(4);
    expect(closed.message).toContain("nothing of the operator is left outside the Krylov space");
    for (const [found, sigma] of [
      [whole, 3],
      [closed, 2],
    ] as const) {
      expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(1e-14);
      expect(found.upper / found.lower - 1).toBeLessThan(1e-9);
      expect(found.accuracy).toBeLessThan(1e-12);
    }
    await expectConsistent(op, closed);
  });

  it("is exact where the range is used up, from the large side of a wide operator", async () => {
    const op = dense(withSpectrum([2, 1.5], 2, 30));
    const start = tensor(new Float64Array(30).fill(1), [30]);
    const found = await spectralNorm(op, { rtol: 1e-12, start });
    expect(found).toMatchObject({ status: "exact", steps: 3 });
    expect(Math.abs(found.sigma - 2)).toBeLessThan(1e-14);
  });

  it.each([1, 2, 3, 7])("meets a bracket for an operator of rank %i, whatever its rounding", async (rank) => {
    const values = [3, 2.9, 1, 0.5, 0.1, 0.01, 1e-3].slice(0, rank);
    for (const roundoff of [1e-13, 1e-5]) {
      for (const [out, inn] of [
        [40, 40],
        [12, 60],
      ]) {
        const op = dense(withSpectrum(values, out, inn));
        const found = await spectralNorm(withRoundoff(perturbed(op, roundoff / 4, rank), roundoff), { bracket: 1e-3 });
        expect(["converged", "exact"]).toContain(found.status);
        expect(found.upper / found.lower - 1).toBeLessThanOrEqual(1e-3);
        expect(found.lower).toBeLessThanOrEqual(3);
        expect(found.upper).toBeGreaterThanOrEqual(3);
        expect(found.steps).toBeLessThanOrEqual(rank + 5);
      }
    }
  });

  it("finds what its start vector missed, where the Krylov space closes without it", async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { op, sigma } = await missedBy(seed);
      for (const basisBudget of [2 ** 30, 8 * 20 * 40]) {
        const found = await spectralNorm(op, { seed, basisBudget, rtol: 1e-10 });
        expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(1e-12);
        expect(found.upper).toBeGreaterThanOrEqual(sigma);
      }
    }
  });

  it("goes by the operator's own device, and lets go of it, whatever happens", async () => {
    let held = 0;
    const own = dense(withSpectrum([4, ...evenly(24)], 25, 40));
    const op: LinearOperator = { ...own, onDevice: singlePrecision(own, (change) => (held += change)) };
    const found = await spectralNorm(op);
    expect(found).toMatchObject({ status: "converged", certified: false });
    expect(found.left.data).toBeInstanceOf(Float32Array);
    expect(Math.abs(found.sigma / 4 - 1)).toBeLessThan(1e-2);
    expect(found.lower).toBeLessThanOrEqual(4);
    expect((await spectralNorm(op, { rtol: 1e-7 })).status).toMatch(/precision-limit|exact/);
    await spectralNorm(op, { method: "power", start: tensor(new Float64Array(40).fill(1), [40]) });
    await expect(spectralNorm(op, { onProgress: fail })).rejects.toThrow("listener failed");
    expect(held).toBe(0);
  });

  it("refuses a device whose numbers overflow, and names the step", async () => {
    const own = diagonal(spectrum);
    const { operator, hold } = singlePrecision(own, () => {});
    const overflowing = { ...operator.device, results: async () => Float64Array.of(Number.POSITIVE_INFINITY, 0, 0) };
    const op: LinearOperator = { ...own, onDevice: { hold, operator: { ...operator, device: overflowing } } };
    await expect(spectralNorm(op)).rejects.toThrow('"op": expected finite numbers, got alpha = Infinity in step 1');
  });
});

describe("spectralNorm and a start that hardly touches the leading direction", () => {
  it("does not call exact what it has missed", async () => {
    const op = diagonal([1, 1 - 1e-5, ...Array.from({ length: 110 }, (_, i) => 0.98 * 0.97 ** i)]);
    for (let seed = 0; seed < 150; seed++) {
      const { sigma, accuracy } = await spectralNorm(op, { seed });
      // It may be off by more than it says in one of twenty runs, but not say that nothing is left to find.
      expect(accuracy).toBeGreaterThan((1 - sigma) / 1000);
    }
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
    [{ start: 3 }, TypeError, '"start"'],
    [{ certify: "no" }, TypeError, '"certify": expected a boolean'],
    [{ start: ["1", 2, 3] }, TypeError, '"start[0]"'],
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

/** The operator on the host device, whose numbers are handed back as an f32 device would. */
function singlePrecision(op: LinearOperator, count: (change: number) => void): OnDevice {
  const host = new HostOperator(op);
  const device: Device<HostVector> = {
    ...hostDevice,
    dtype: "f32",
    read: async (from) => Float32Array.from(await hostDevice.read(from)),
    results: async (scalars) => (await hostDevice.results(scalars)).map(Math.fround),
  };
  const operator = {
    device,
    inShape: op.inShape,
    outShape: op.outShape,
    roundoff: 1e-5,
    jvp: (u: HostVector, y: HostVector) => host.jvp(u, y),
    vjp: (v: HostVector, x: HostVector) => host.vjp(v, x),
  } as unknown as DeviceOperator;
  const hold = () => {
    count(1);
    return () => count(-1);
  };
  return { operator, hold };
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

/** The same operator, of a device whose products are as rough as that. */
function withRoundoff(op: LinearOperator, roundoff: number): LinearOperator {
  const operator = new HostOperator(op);
  const rough = {
    device: operator.device,
    inShape: op.inShape,
    outShape: op.outShape,
    roundoff,
    jvp: operator.jvp.bind(operator),
    vjp: operator.vjp.bind(operator),
  };
  return { ...op, onDevice: { operator: rough as DeviceOperator, hold: () => () => undefined } };
}

/** Every product is off by `share` of the largest singular value times the vector's length, in a random direction. */
function perturbed(op: LinearOperator, share: number, seed: number): LinearOperator {
  const random = new Random([seed, 77]);
  let largest = 0;
  const off = (act: LinearOperator["jvp"]) => async (x: Tensor) => {
    const { data, shape } = await act(x);
    const noise = random.fillGaussian(new Float64Array(data.length));
    largest = Math.max(largest, Math.hypot(...data) / Math.hypot(...x.data));
    const scale = (share * largest * Math.hypot(...x.data)) / Math.hypot(...noise);
    return tensor(
      Float64Array.from(data, (entry, i) => entry + scale * noise[i]),
      shape,
    );
  };
  return { ...op, jvp: off(op.jvp), vjp: off(op.vjp) };
}

/** An operator of rank 4 to which the start vector of this seed is a singular vector, and not the leading one. */
async function missedBy(seed: number): Promise<{ op: LinearOperator; sigma: number }> {
  const shape = [40];
  let start: Float64Array = new Float64Array(0);
  const spying = async (x: Tensor) => {
    if (start.length === 0) start = Float64Array.from(x.data);
    return x;
  };
  await spectralNorm({ inShape: shape, outShape: shape, jvp: spying, vjp: spying }, { seed, maxSteps: 1 });
  const random = new Random([seed, 4]);
  const vectors = [start];
  for (let i = 1; i < 4; i++) {
    const w = random.fillGaussian(new Float64Array(40));
    for (let pass = 0; pass < 2; pass++) for (const v of vectors) addScaled(w, -dot(v, w), v);
    vectors.push(divided(w, norm(w)));
  }
  const values = [1.5, 2, 1, 0.5];
  const act = async ({ data }: Tensor) => {
    const image = new Float64Array(40);
    for (const [i, v] of vectors.entries()) addScaled(image, values[i] * dot(v, data), v);
    return tensor(image, shape);
  };
  return { op: { inShape: shape, outShape: shape, jvp: act, vjp: act }, sigma: 2 };
}
