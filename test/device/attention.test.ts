import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gradient } from "../../src/jacobian/gradient.js";
import { toDense } from "../../src/jacobian/toDense.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { referenceAttention } from "../reference/attention.js";
import { relativeError, scaledError, tolerance } from "./close.js";
import { variantRuntime, variants } from "./variants.js";

describe.each(variants)("attention in $name against the oracle", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(loadFixtures())("$name", async (fixture) => {
    const { spec, x, u, g, expected } = fixture;
    const limit = tolerance(variant.dtype, referenceAttention(spec, x).largestLogit);
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    expect(relativeError(at.output.data, expected.output.data)).toBeLessThan(limit);
    expect(relativeError((await layer.forward(x)).data, expected.output.data)).toBeLessThan(limit);
    expect(relativeError((await layer.probabilities(x)).data, expected.probabilities.data)).toBeLessThan(limit);
    expect(relativeError((await at.jvp(u)).data, expected.jvp.data)).toBeLessThan(limit);
    expect(relativeError((await at.vjp(g)).data, expected.vjp.data)).toBeLessThan(limit);
    expect(relativeError((await toDense(at)).data, expected.jacobian.data)).toBeLessThan(limit);
    expect(scaledError((await gradient(at, u, g)).data, expected.gradient.data, 1)).toBeLessThan(10 * limit);
    at.dispose();
    layer.dispose();
  });
});
