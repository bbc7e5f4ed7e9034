import { describe, expect, it } from "vitest";
import { Random } from "../../src/random.js";
import { HostKrylovSpace } from "../../src/spectral/hostSpace.js";
import type { LinearOperator } from "../../src/spectral/operator.js";
import { dot } from "../../src/spectral/vector.js";
import { type Tensor, tensor } from "../../src/tensor.js";
import { dense, diagonal, withSpectrum } from "./operators.js";

const matrix = withSpectrum([3, 2.9, 2, 1, 0.5, 0.1], 9, 12);
const operator = dense(matrix, [3, 4], [9]);

async function begun(op: LinearOperator, transposed = false, seed = 1): Promise<HostKrylovSpace> {
  const space = new HostKrylovSpace(op, transposed);
  await space.begin(new Random(seed).fillGaussian(new Float64Array(space.domainSize)));
  return space;
}

async function basis(space: HostKrylovSpace, size: number): Promise<{ range: Float64Array; domain: Float64Array }[]> {
  const vectors: { range: Float64Array; domain: Float64Array }[] = [];
  for (let i = 0; i < size; i++) {
    const unit = new Float64Array(size);
    unit[i] = 1;
    const { range, domain } = await space.combine(unit, unit);
    vectors.push({ range: range.data as Float64Array, domain: domain.data as Float64Array });
  }
  return vectors;
}

describe("HostKrylovSpace.bidiagonalize", () => {
  it.each([false, true])("builds A V = U B with orthonormal U and V, transposed: %s", async (transposed) => {
    const space = await begun(operator, transposed);
    const coefficients = [];
    for (let k = 0; k < 5; k++) coefficients.push(await space.bidiagonalize(k));
    const vectors = await basis(space, 5);
    const image = transposed ? operator.vjp : operator.jvp;
    const shape = transposed ? operator.outShape : operator.inShape;
    for (let k = 0; k < 5; k++) {
      const { data } = await image(tensor(vectors[k].domain, shape));
      for (let j = 0; j < 5; j++) {
        const entry = j === k ? coefficients[k].alpha : j === k - 1 ? coefficients[j].beta : 0;
        expect(dot(vectors[j].range, data)).toBeCloseTo(entry, 13);
        expect(dot(vectors[j].range, vectors[k].range)).toBeCloseTo(j === k ? 1 : 0, 14);
        expect(dot(vectors[j].domain, vectors[k].domain)).toBeCloseTo(j === k ? 1 : 0, 14);
      }
    }
  });

  it("stays orthogonal over many steps on a spectrum that converges early", async () => {
    const op = diagonal(Array.from({ length: 200 }, (_, i) => (i === 0 ? 100 : 1 + 1 / i)));
    const space = await begun(op);
    const steps = 60;
    for (let k = 0; k < steps; k++) await space.bidiagonalize(k);
    const vectors = await basis(space, steps);
    for (let j = 0; j < steps; j++) {
      for (let k = 0; k < j; k++) {
        expect(Math.abs(dot(vectors[j].domain, vectors[k].domain))).toBeLessThan(1e-14);
        expect(Math.abs(dot(vectors[j].range, vectors[k].range))).toBeLessThan(1e-14);
      }
    }
  });

  it("returns zero, and the zero vector, where nothing but rounding is left", async () => {
    const space = await begun(dense(withSpectrum([2, 1], 6, 6)));
    await space.bidiagonalize(0);
    const { alpha, beta } = await space.bidiagonalize(1);
    expect(alpha).toBeGreaterThan(0.1);
    expect(beta).toBeGreaterThan(0);
    expect(await space.bidiagonalize(2)).toEqual({ alpha: 0, beta: 0 });
    const { range } = await space.combine(Float64Array.of(0, 0, 1), Float64Array.of(0, 0, 1));
    expect(range.data).toEqual(new Float64Array(6));
  });
});

describe("HostKrylovSpace.iterate", () => {
  it("is power iteration: norms, residual, and the pair that each step is about", async () => {
    const space = await begun(operator);
    for (let step = 0; step < 6; step++) {
      const { sigma, residual } = await space.iterate();
      const { range, domain } = await space.combine(Float64Array.of(1), Float64Array.of(1));
      const image = (await operator.jvp(domain)).data;
      const pulled = (await operator.vjp(range)).data;
      expect(Math.hypot(...domain.data)).toBeCloseTo(1, 14);
      expect(Math.hypot(...image)).toBeCloseTo(sigma, 13);
      expect(Math.hypot(...pulled.map((entry, i) => entry - sigma * domain.data[i]))).toBeCloseTo(residual, 13);
      expect(await space.stretch(Float64Array.of(-2))).toBeCloseTo(sigma, 13);
    }
  });
});

describe("HostKrylovSpace and what an operator returns", () => {
  const zeroFor = (shape: number[]) => async () => tensor(new Float64Array(shape.reduce((a, b) => a * b)), shape);
  const good = { inShape: [2, 3], outShape: [4], jvp: zeroFor([4]), vjp: zeroFor([2, 3]) };
  const returning = (jvp: unknown): LinearOperator => ({ ...good, jvp: async () => jvp as Tensor });

  it.each([
    [undefined, TypeError, '"op.jvp": expected a tensor { data, shape }, got undefined'],
    [[1, 2, 3, 4], TypeError, '"op.jvp.data": expected a Float32Array or Float64Array, got undefined'],
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
      const [p, q] = [Float64Array.of(0.6, 0, 0.8, 0), Float64Array.of(0, 0.6, 0, 0.8)];
      expect(await space.combine(p, q)).toEqual(await expected.combine(p, q));
    }
  });
});

function scaledBy(factor: number, { data, shape }: Tensor): Tensor {
  return tensor(
    data.map((entry) => factor * entry),
    shape,
  );
}
