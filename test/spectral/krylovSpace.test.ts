import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { HostOperator, type HostVector } from "../../src/device/host.js";
import type { LinearOperator } from "../../src/device/operator.js";
import { dot } from "../../src/linalg/vector.js";
import { DeviceKrylovSpace } from "../../src/spectral/krylovSpace.js";
import { thickRestart } from "../../src/spectral/thickRestart.js";
import { dense, diagonal, withSpectrum } from "./operators.js";

type Space = DeviceKrylovSpace<HostVector>;

const matrix = withSpectrum([3, 2.9, 2, 1, 0.5, 0.1], 9, 12);
const operator = dense(matrix, [3, 4], [9]);

async function begun(op: LinearOperator, transposed = false, seed = 1): Promise<Space> {
  const space = new DeviceKrylovSpace(new HostOperator(op), { transposed, maxSteps: 100 });
  await space.begin(new Random(seed).fillGaussian(new Float64Array(space.domainSize)));
  return space;
}

/** The first `size` vectors of the domain and what the operator makes of them. */
async function basis(space: Space, size: number): Promise<{ vector: Float64Array; image: Float64Array }[]> {
  const vectors: { vector: Float64Array; image: Float64Array }[] = [];
  for (let i = 0; i < size; i++) {
    const unit = new Float64Array(size);
    unit[i] = 1;
    const { domain, range, stretch } = await space.ritzPair(unit);
    vectors.push({ vector: domain.data as Float64Array, image: range.data.map((x) => x * stretch) as Float64Array });
  }
  return vectors;
}

/** AᵀA on a basis: diagonal and off-diagonal, from the norms that the steps of either kind found. */
const projections = {
  bidiagonalize: (steps: { alpha: number; beta: number }[]) => ({
    diagonal: steps.map(({ alpha }, k) => alpha ** 2 + (k > 0 ? steps[k - 1].beta ** 2 : 0)),
    offDiagonal: steps.map(({ alpha, beta }) => alpha * beta),
  }),
  tridiagonalize: (steps: { alpha: number; beta: number }[]) => ({
    diagonal: steps.map(({ alpha }) => alpha ** 2),
    offDiagonal: steps.map(({ alpha, beta }) => alpha * beta),
  }),
};

async function expectProjection(
  space: Space,
  { diagonal, offDiagonal }: { diagonal: number[]; offDiagonal: number[] },
  tolerance: number,
): Promise<void> {
  const vectors = await basis(space, diagonal.length);
  for (let j = 0; j < diagonal.length; j++) {
    for (let k = 0; k <= j; k++) {
      expect(Math.abs(dot(vectors[j].vector, vectors[k].vector) - (j === k ? 1 : 0))).toBeLessThan(1e-14);
      const entry = j === k ? diagonal[k] : j === k + 1 ? offDiagonal[k] : 0;
      expect(Math.abs(dot(vectors[j].image, vectors[k].image) - entry)).toBeLessThan(tolerance);
    }
  }
}

describe.each(["bidiagonalize", "tridiagonalize"] as const)("the Krylov space.%s", (kind) => {
  it.each([false, true])("is Lanczos on AᵀA with an orthonormal basis, transposed: %s", async (transposed) => {
    const space = await begun(operator, transposed);
    const steps = [];
    for (let k = 0; k < 5; k++) steps.push(await space[kind](k));
    await expectProjection(space, projections[kind](steps), 1e-13);
  });

  it("stays orthogonal over many steps on a spectrum that converges early", async () => {
    const op = diagonal(Array.from({ length: 200 }, (_, i) => (i === 0 ? 100 : 1 + 1 / i)));
    const space = await begun(op);
    const steps = [];
    for (let k = 0; k < 60; k++) steps.push(await space[kind](k));
    await expectProjection(space, projections[kind](steps), 1e-10);
  });
});

describe("the Krylov space.restart", () => {
  it("leaves a shorter basis from which Lanczos goes on", async () => {
    const op = diagonal(Array.from({ length: 80 }, (_, i) => 2 / (1 + i / 9)));
    const space = await begun(op);
    const steps = [];
    for (let k = 0; k < 9; k++) steps.push(await space.tridiagonalize(k));
    let projection = projections.tridiagonalize(steps);
    for (const kept of [4, 2, 5]) {
      const size = projection.diagonal.length;
      const shorter = thickRestart(projection, kept);
      await space.restart(shorter.reflections, size, kept, 1);
      projection = shorter.projection;
      await expectProjection(space, projection, 1e-13);
      for (let k = kept; k < 9; k++) {
        const { alpha, beta } = await space.tridiagonalize(k);
        projection.diagonal.push(alpha ** 2);
        projection.offDiagonal.push(alpha * beta);
      }
      await expectProjection(space, projection, 1e-13);
    }
  });
});

describe("the Krylov space.bidiagonalize", () => {
  it("returns zero, and the zero vector, where nothing but rounding is left", async () => {
    const space = await begun(dense(withSpectrum([2, 1], 6, 6)));
    await space.bidiagonalize(0);
    const { alpha, beta } = await space.bidiagonalize(1);
    expect(alpha).toBeGreaterThan(0.1);
    expect(beta).toBeGreaterThan(0);
    expect(await space.bidiagonalize(2)).toEqual({ alpha: 0, beta: 0 });
    expect((await space.tridiagonalize(2)).beta).toBeLessThan(1e-14);
    const { domain, stretch } = await space.ritzPair(Float64Array.of(1, 0, 0, 1));
    expect(Math.hypot(...domain.data)).toBeCloseTo(1, 14);
    expect(stretch).toBeGreaterThan(0);
  });
});

describe("the Krylov space.extend", () => {
  const random = new Random(8);
  const fresh = () => random.fillGaussian(new Float64Array(12), 7);

  it("goes on from a fresh direction once the space has closed, orthogonal to all that went before", async () => {
    // Its Krylov space has three dimensions, in two of which the operator is not zero.
    const space = await begun(dense(withSpectrum([2, 1], 12, 12)));
    const steps = [];
    for (let k = 0; k < 3; k++) steps.push(await space.bidiagonalize(k));
    expect(steps[2].alpha).toBe(0);
    const left = await space.extend(3, fresh(), true);
    expect(left).toBeGreaterThan(0.1);
    expect(left).toBeLessThan(1);
    steps.push(await space.bidiagonalize(3));
    expect(steps[3].alpha).toBeLessThan(1e-14);
    await expectProjection(space, projections.bidiagonalize(steps), 1e-13);
  });

  it("finds what the start vector missed", async () => {
    const op = diagonal([5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    const space = new DeviceKrylovSpace(new HostOperator(op), { transposed: false, maxSteps: 20 });
    await space.begin(Float64Array.from({ length: 12 }, (_, i) => (i === 2 || i === 3 ? 1 : 0)));
    const steps = [await space.bidiagonalize(0), await space.bidiagonalize(1)];
    expect(steps[1].beta).toBeLessThan(1e-14);
    await space.extend(2, fresh(), false);
    for (let k = 2; k < 5; k++) steps.push(await space.bidiagonalize(k));
    steps[1].beta = 0;
    await expectProjection(space, projections.bidiagonalize(steps), 1e-13);
    const { stretch } = await space.ritzPair(Float64Array.of(0, 0, 1));
    expect(stretch).toBeGreaterThan(1);
  });

  it("returns zero where the basis spans the whole space", async () => {
    const space = await begun(diagonal([3, 2, 1]));
    for (let k = 0; k < 3; k++) await space.bidiagonalize(k);
    expect(await space.extend(3, Float64Array.of(1, 2, 3), false)).toBe(0);
  });
});

describe("the Krylov space.iterate", () => {
  it("is power iteration: norms, residual, and the pair that each step is about", async () => {
    const space = await begun(operator);
    for (let step = 0; step < 6; step++) {
      const { sigma, residual } = await space.iterate();
      const { range, domain, stretch } = await space.ritzPair(Float64Array.of(1));
      const image = (await operator.jvp(domain)).data;
      const pulled = (await operator.vjp(range)).data;
      expect(Math.hypot(...domain.data)).toBeCloseTo(1, 14);
      expect(Math.hypot(...image)).toBeCloseTo(sigma, 13);
      expect(Math.hypot(...pulled.map((entry, i) => entry - sigma * domain.data[i]))).toBeCloseTo(residual, 13);
      expect(stretch).toBeCloseTo(sigma, 13);
      expect((await space.ritzPair(Float64Array.of(-2))).stretch).toBeCloseTo(sigma, 13);
    }
  });
});

describe("the Krylov space and what an operator returns", () => {
  const zeroFor = (shape: number[]) => async () => tensor(new Float64Array(shape.reduce((a, b) => a * b)), shape);
  const good = { inShape: [2, 3], outShape: [4], jvp: zeroFor([4]), vjp: zeroFor([2, 3]) };
  const returning = (jvp: unknown): LinearOperator => ({ ...good, jvp: async () => jvp as Tensor });

  it.each([
    [undefined, TypeError, '"op.jvp": expected a tensor { data, shape }, got undefined'],
    [["1"], TypeError, '"op.jvp[0]": expected a number, got "1"'],
    [tensor(new Float32Array(4), [4]), TypeError, '"op.jvp.data": expected a Float64Array'],
    [tensor(new Float64Array(4), [2, 2]), RangeError, '"op.jvp": expected shape [4], got [2, 2]'],
    [tensor(new Float64Array(3), [4]), RangeError, '"op.jvp": expected 4 elements for shape [4], got 3'],
    [tensor(Float64Array.of(0, 1, Number.NaN, 0), [4]), RangeError, "got NaN at [2]"],
  ])("refuses %s", async (answer, kind, message) => {
    const space = await begun(returning(answer));
    const failure = await space.bidiagonalize(0).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toContain(message);
  });

  it("refuses a vjp that is not the adjoint of jvp", async () => {
    const skewed = { ...operator, vjp: async (v: Tensor) => scaledBy(0.9, await operator.vjp(v)) };
    await expect((await begun(skewed)).bidiagonalize(0)).rejects.toThrow('"op.vjp": expected the adjoint of op.jvp');
    await expect((await begun(skewed)).iterate()).rejects.toThrow('"op.vjp": expected the adjoint of op.jvp');
  });

  it("takes operators that overwrite what they are handed, or return it, or reuse one answer", async () => {
    const values = Float64Array.of(5, 4, 3, 2, 1);
    const answer = tensor(new Float64Array(5), [5]);
    const inPlace = async (u: Tensor) => {
      u.data.forEach((entry, i) => {
        u.data[i] = values[i] * entry;
      });
      return u;
    };
    const reusing = async (u: Tensor) => {
      answer.data.set((await inPlace(u)).data);
      return answer;
    };
    const expected = await begun(diagonal(values));
    for (const act of [inPlace, reusing]) {
      const space = await begun({ inShape: [5], outShape: [5], jvp: act, vjp: act });
      for (let k = 0; k < 4; k++) {
        const step = await space.bidiagonalize(k);
        if (act === inPlace) expect(step).toEqual(await expected.bidiagonalize(k));
        else expect(step.alpha).toBeGreaterThan(0);
      }
      const q = Float64Array.of(0, 0.6, 0, 0.8);
      expect(await space.ritzPair(q)).toEqual(await expected.ritzPair(q));
    }
  });
});

function scaledBy(factor: number, { data, shape }: Tensor): Tensor {
  return tensor(
    data.map((entry) => factor * entry),
    shape,
  );
}
