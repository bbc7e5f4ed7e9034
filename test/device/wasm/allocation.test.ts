import { expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { tensor } from "../../../src/base/tensor.js";
import { createRuntime } from "../../../src/index.js";
import { DeviceKrylovSpace } from "../../../src/spectral/krylovSpace.js";

const d = 64;
const n = 96;
const steps = 41;

/** Bytes that JavaScript's heap and array buffers grow by in a step: a median, for some steps meet a collection. */
async function bytesPerStep(step: (index: number) => Promise<unknown>): Promise<number> {
  const growth: number[] = [];
  for (let index = 0; index < steps; index++) {
    const before = process.memoryUsage();
    await step(index);
    const after = process.memoryUsage();
    growth.push(after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers);
  }
  return growth.sort((a, b) => a - b)[steps >> 1];
}

it("a solver's step allocates a few small objects and no vector", async () => {
  const runtime = await createRuntime({ device: "wasm" });
  try {
    const random = new Random(1);
    const gaussian = (rows: number) => tensor(random.fillGaussian(new Float64Array(rows * d)), [rows, d]);
    const map = () => ({ weight: gaussian(d) });
    const layer = runtime.attention({ heads: 4, query: map(), key: map(), value: map(), output: map() });
    const linearization = await layer.linearize(gaussian(n));
    const { operator } = linearization.onDevice!;
    const vector = n * d * Float32Array.BYTES_PER_ELEMENT;

    const power = new DeviceKrylovSpace(operator, { transposed: false, maxSteps: 1 });
    await power.begin(Float64Array.from(gaussian(n).data));
    expect(await bytesPerStep(() => power.iterate())).toBeLessThan(vector / 4);
    power.dispose();

    const lanczos = new DeviceKrylovSpace(operator, { transposed: false, maxSteps: steps });
    await lanczos.begin(Float64Array.from(gaussian(n).data));
    expect(await bytesPerStep((k) => lanczos.bidiagonalize(k))).toBeLessThan(vector / 4);
    lanczos.dispose();

    // A call that copies its result out shows what the limit would miss otherwise.
    const u = gaussian(n);
    expect(await bytesPerStep(() => linearization.jvp(u))).toBeGreaterThan(vector / 2);
    linearization.dispose();
  } finally {
    runtime.dispose();
  }
});
