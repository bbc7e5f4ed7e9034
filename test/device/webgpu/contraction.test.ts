// The fixtures on a GPU that multiplies and adds in one rounding wherever WGSL lets it.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GPUDeviceLike } from "../../../src/device/webgpu/api.js";
import { gradient } from "../../../src/jacobian/gradient.js";
import { toDense } from "../../../src/jacobian/toDense.js";
import { createRuntime, type Runtime } from "../../../src/measure/createRuntime.js";
import { loadFixtures } from "../../oracle/fixtures.js";
import { referenceAttention } from "../../reference/attention.js";
import { relativeError, scaledError, tolerance } from "../close.js";
import { adapter } from "../webgpuRuntime.js";
import { contractedShader } from "./contracting.js";

/** A device of its own whose shaders are contracted. */
async function contractingDevice(fma: boolean): Promise<GPUDeviceLike> {
  const device: GPUDeviceLike = await (await adapter()).requestDevice();
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = ({ label, code }) => createShaderModule({ label, code: contractedShader(code, { fma }) });
  return device;
}

describe("contractedShader", () => {
  const shader = contractedShader(
    `
@group(0) @binding(0) var<storage, read> x: array<f32>;
var<workgroup> parts: array<vec4f, 64>;
fn less(a: f32, i: u32) -> f32 { return a - x[i]; }
fn kernel(group: vec3u, lane: u32) {
  let at = group.x * 64u + lane;
  var sum = vec4f(0.0);
  sum += x[at * 2u + 1u] * parts[lane];
  let scaled = 2.0 * x[at];
  let rest = less(scaled, at) + less(sum[0], at);
}`,
    { fma: false },
  );

  it("rounds once where a product is added to", () => {
    const product = "(x[((at * 2u) + 1u)] * parts[lane])";
    const lost = "lost_vec4f(vec4f(x[((at * 2u) + 1u)]), vec4f(parts[lane]))";
    expect(shader).toContain(`sum = contracted_vec4f(vec4f((${product})), vec4f((${lost})), vec4f((sum)))`);
  });

  it("does so where the product was named, or is an argument", () => {
    expect(shader).toContain("let scaled_lost = lost_f32(f32(2.0), f32(x[at]))");
    expect(shader).toContain("less(scaled, scaled_lost, at)");
    expect(shader).toContain("less(sum[0], 0.0, at)");
    expect(shader).toContain("return contracted_f32(f32((a)), f32((a_lost)), f32(-(x[i])))");
  });

  it("leaves indices alone", () => {
    expect(shader).toContain("let at = ((group.x * 64u) + lane)");
  });
});

describe.each([
  { name: "where it is not asked to", fma: false, fixtures: loadFixtures() },
  // What cancels most: all kernels are made once more for these, which a software GPU takes minutes for.
  { name: "wherever it may", fma: true, fixtures: loadFixtures().filter(({ name }) => /^(extreme|logit)/.test(name)) },
])("attention on a GPU that contracts $name", ({ fma, fixtures }) => {
  let device: GPUDeviceLike;
  let runtime: Runtime;
  beforeAll(async () => {
    device = await contractingDevice(fma);
    runtime = await createRuntime({ device: "webgpu", gpuDevice: device });
  });
  afterAll(() => {
    runtime.dispose();
    device.destroy();
  });

  it.each(fixtures)("$name", { timeout: 600_000 }, async ({ spec, x, u, g, expected }) => {
    const limit = tolerance("f32", referenceAttention(spec, x).largestLogit);
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    expect(relativeError(at.output.data, expected.output.data)).toBeLessThan(limit);
    expect(relativeError((await at.jvp(u)).data, expected.jvp.data)).toBeLessThan(limit);
    expect(relativeError((await at.vjp(g)).data, expected.vjp.data)).toBeLessThan(limit);
    expect(relativeError((await toDense(at)).data, expected.jacobian.data)).toBeLessThan(limit);
    expect(scaledError((await gradient(at, u, g)).data, expected.gradient.data, 1)).toBeLessThan(10 * limit);
    at.dispose();
    layer.dispose();
  });
});
