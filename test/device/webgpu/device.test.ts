// WebGPU's commands beside the host device's, and the order in which they run: with writes, reads and the end of leases.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import type { Basis, Device } from "../../../src/device/device.js";
import { hostDevice } from "../../../src/device/host.js";
import type { WebGpuRuntime } from "../../../src/device/webgpu/runtime.js";
import { relativeError } from "../close.js";
import { webgpuRuntime } from "../webgpuRuntime.js";

const shape = [37, 61];
const length = 37 * 61;
const numbers = (seed: number, size = 1) => new Random(seed).fillGaussian(new Float64Array(length), size);

/** What a device gives for the same commands. */
async function commands(device: Device): Promise<ArrayLike<number>[]> {
  const lease = device.lease();
  const found: ArrayLike<number>[] = [];
  const vector = (seed: number, size?: number) => {
    const made = lease.vector(shape, "a vector");
    device.write(made, numbers(seed, size));
    return made;
  };
  const [a, b, c] = [vector(1), vector(2), vector(3)];
  device.write(a, numbers(4), 0.5);
  device.add(-1.5, b, a);
  device.multiply(a, b, c);
  found.push(await device.read(a), await device.read(c));
  device.multiply(a, a, a);
  device.multiply(b, a, b);
  device.copy(b, c);
  device.clear(a);
  found.push(await device.read(c), await device.read(a));

  const scalars = lease.scalars(4, "lengths");
  const basis = lease.basis(shape, 24, "a basis");
  for (let k = 0; k < 20; k++) {
    device.write(basis.at(k), numbers(10 + k, k === 3 ? 1e-25 : k === 4 ? 1e18 : 1));
    device.orthonormalize(basis, k, undefined, basis.at(k), scalars, 0);
    found.push(await device.results(scalars));
  }
  found.push(...(await gram(device, basis, 20)));
  // What lies in the span is rounding, and becomes zero.
  const inside = lease.vector(shape, "a vector");
  device.combine(
    basis,
    Float64Array.from({ length: 20 }, (_, k) => Math.sin(k)),
    inside,
  );
  found.push(await device.read(inside));
  device.orthonormalize(basis, 20, undefined, inside, scalars, 1);
  found.push(await device.read(inside), await device.results(scalars));

  device.write(c, numbers(5, 3));
  device.normalize(c, scalars, 2);
  device.write(b, numbers(5, 3));
  device.write(a, numbers(6, 1e-3));
  device.add(1, a, c);
  device.distance(b, 2, c, scalars, 3);
  found.push(await device.results(scalars));

  basis.swap(2, 17);
  device.reflect(
    basis,
    Float64Array.from({ length: 18 }, (_, k) => 0.3 * Math.cos(k)),
  );
  for (const k of [0, 2, 17, 19]) found.push(await device.read(basis.at(k)));
  lease.dispose();
  return found;
}

/** Inner products of a basis's vectors with one of them, by the host, plus 1. */
async function gram(device: Device, basis: Basis, count: number): Promise<ArrayLike<number>[]> {
  const vectors = await Promise.all(Array.from({ length: count }, (_, k) => device.read(basis.at(k))));
  const products = vectors.map((vector) => {
    let sum = 1;
    for (let i = 0; i < length; i++) sum += vector[i] * vectors[7][i];
    return sum;
  });
  return [products];
}

describe("WebGPU as a device", () => {
  let runtime: WebGpuRuntime;
  beforeAll(async () => {
    runtime = (await webgpuRuntime()) as WebGpuRuntime;
  });
  afterAll(() => runtime.dispose());

  it("gives what the host device gives for the same commands", async () => {
    const [got, want] = [await commands(runtime.device), await commands(hostDevice)];
    expect(got.length).toBe(want.length);
    for (const [i, expected] of want.entries()) expect(relativeError(got[i], expected), `${i}`).toBeLessThan(3e-6);
  });

  it("makes a remainder that is rounding exactly zero, and its length with it", async () => {
    const { device } = runtime;
    const lease = device.lease();
    const basis = lease.basis(shape, 2, "a basis");
    const scalars = lease.scalars(1, "a length");
    const w = lease.vector(shape, "a vector");
    device.write(basis.at(0), numbers(1));
    device.normalize(basis.at(0), scalars, 0);
    device.write(w, numbers(1), 7);
    device.orthonormalize(basis, 1, undefined, w, scalars, 0);
    expect([...(await device.results(scalars))]).toEqual([0]);
    expect((await device.read(w)).every((value) => value === 0)).toBe(true);
    lease.dispose();
  });

  it("keeps writes and commands in order, and a vector's numbers when another lease ends before they are sent", async () => {
    const { device } = runtime;
    const before = runtime.memoryUsed;
    const [lease, work] = [device.lease(), device.lease()];
    const [x, y] = [lease.vector([3], "a vector"), work.vector([3], "a vector")];
    device.write(y, [1, 2, 3]);
    device.copy(y, x);
    device.write(y, [10, 20, 30]);
    device.add(1, y, x);
    work.dispose();
    expect([...(await device.read(x))]).toEqual([11, 22, 33]);
    lease.dispose();
    expect(runtime.memoryUsed).toBe(before);
  });

  it("drops what was recorded for a lease that has ended", async () => {
    const { device } = runtime;
    const before = runtime.memoryUsed;
    const lease = device.lease();
    const [x, y] = [lease.vector([3], "a vector"), lease.vector([3], "a vector")];
    device.write(x, [1, 2, 3]);
    device.add(1, x, y);
    lease.dispose();
    expect(runtime.memoryUsed).toBe(before);
    expect(runtime.gpu.batch.isEmpty).toBe(true);
  });
});
