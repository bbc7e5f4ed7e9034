// Many inputs of one layer on WebGPU: each as it would be alone.
import { expect, it } from "vitest";
import { tensor } from "../../../src/base/tensor.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { localLipschitzBatch } from "../../../src/measure/localLipschitzBatch.js";
import { loadFixtures } from "../../oracle/fixtures.js";
import { webgpuRuntime } from "../webgpuRuntime.js";

it("localLipschitzBatch on WebGPU gives what localLipschitz gives, to the last bit", async () => {
  const runtime = await webgpuRuntime();
  const { spec, x } = loadFixtures()[0];
  const [n, d] = x.shape;
  const layer = runtime.attention({ ...spec, mask: "causal" });
  const xs = [x, tensor(x.data.subarray(d), [n - 1, d])];
  const together = await localLipschitzBatch(layer, xs, { seed: [3, 4] });
  for (const [i, input] of xs.entries()) {
    expect(together[i]).toEqual(await localLipschitz(layer, input, { seed: 3 + i }));
  }
  runtime.dispose();
});
