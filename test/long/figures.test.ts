// The figures at their full size: every number that was known before is found again.
import { afterAll, expect, it } from "vitest";
import { figures } from "../../src/figures/index.js";
import { createRuntime } from "../../src/measure/createRuntime.js";

const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
afterAll(() => runtime.dispose());

it.each(["castin-random", "castin-adversarial", "bound-gap"])("%s reproduces what is known", async (name) => {
  const { comparisons } = await figures[name](runtime, {});
  expect(comparisons.length).toBeGreaterThan(10);
  expect(comparisons.filter(({ agrees }) => !agrees)).toEqual([]);
});
