// Orthogonality where projection takes nearly all of a vector away: one pass leaves rounding as a direction of its own.
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import type { Device, Vector } from "../../src/device/device.js";
import { hostDevice } from "../../src/device/host.js";
import { dot } from "../../src/linalg/vector.js";
import { createRuntime } from "../../src/measure/createRuntime.js";

const shape = [9, 31];
const size = 9 * 31;

async function deviceOf(name: string): Promise<Device> {
  if (name === "host") return hostDevice as Device;
  const runtime = await createRuntime({ device: "wasm", dtype: name === "wasm f32" ? "f32" : "f64" });
  return (runtime as unknown as { device: Device }).device;
}

describe.each([
  ["host", 1e-9, 1e-14],
  ["wasm f64", 1e-9, 1e-14],
  ["wasm f32", 2e-5, 2e-6],
])("orthonormalize on %s", (name, share, tolerance) => {
  it("projects twice where little is left of a vector, and makes it a unit vector", async () => {
    const device = await deviceOf(name);
    const random = new Random(1);
    const lease = device.lease();
    const basis = lease.basis(shape, 6, "a basis");
    const scalars = lease.scalars(2, "lengths");
    const read = async (vector: Vector) => Float64Array.from(await device.read(vector));
    for (let k = 0; k < 5; k++) {
      const vector = basis.at(k);
      device.write(vector, random.fillGaussian(new Float64Array(size)));
      device.orthonormalize(basis, k, undefined, vector, scalars, 0);
    }
    const known = await Promise.all([0, 1, 2, 3, 4].map((k) => read(basis.at(k))));
    const w = random.fillGaussian(new Float64Array(size), share);
    for (const v of known) for (let i = 0; i < size; i++) w[i] += v[i];
    const target = lease.vector(shape, "a vector");
    device.write(target, w);
    device.orthonormalize(basis, 5, undefined, target, scalars, 1);
    const [, length] = await device.results(scalars);
    const unit = await read(target);
    expect(length).toBeGreaterThan(share);
    expect(length).toBeLessThan(share * 40);
    expect(Math.abs(dot(unit, unit) - 1)).toBeLessThan(tolerance);
    for (const v of known) expect(Math.abs(dot(v, unit))).toBeLessThan(tolerance);
    lease.dispose();
  });
});
