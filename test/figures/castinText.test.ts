import { afterAll, expect, it } from "vitest";
import { castinText } from "../../src/figures/castinText.js";
import { norm } from "../../src/linalg/vector.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { randomModel } from "../../src/models/index.js";

const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
afterAll(() => runtime.dispose());

it("castin-text sets sigma beside √‖Jᵀf(X)‖ for each layer, length and window", async () => {
  const options = { runtime, layers: 3, width: 16, heads: 2, vocabulary: 40, context: 16 };
  const model = await randomModel("gpt2", options);
  const tokens = Array.from({ length: 50 }, (_, at) => (7 * at) % 40);
  const settings = { tokens, layers: [0, 2], lengths: [2, 4, 8], samples: 2, text: "made up" };
  const figure = await castinText(model, settings);
  const [, windows] = figure.tables;
  expect(windows.rows).toHaveLength(2 * 3 * 2);

  const [layer, n, sample, sigma, , , other] = windows.rows[9] as number[];
  expect([layer, n, sample]).toEqual([2, 4, 1]);
  const x = (await model.trace(tokens.slice(25, 29), { layers: [2] })).get(2)!;
  const attention = model.attention(2);
  expect(sigma).toBeCloseTo((await localLipschitz(attention, x)).sigma, 7);
  const at = await attention.linearize(x);
  expect(other).toBeCloseTo(Math.sqrt(norm((await at.vjp(await attention.forward(x))).data)), 10);
  expect(figure.panels.map(({ curves }) => curves.map(({ name }) => name))).toEqual([
    ["σ = ‖J‖₂", "√‖Jᵀf(X)‖"],
    ["σ = ‖J‖₂", "√‖Jᵀf(X)‖"],
  ]);
});

it("castin-text gives an exponent with its interval, and none from fewer than four lengths", async () => {
  const options = { runtime, layers: 1, width: 16, heads: 2, vocabulary: 40, context: 32 };
  const model = await randomModel("gpt2", options);
  const tokens = Array.from({ length: 200 }, (_, at) => (7 * at) % 40);
  const of = (lengths: number[]) => castinText(model, { tokens, layers: [0], lengths, samples: 4, text: "made up" });
  const few = await of([2, 4, 8]);
  expect(few.paragraphs[0]).toContain("σ shows no power of n (3 lengths");
  expect(few.tables[0].rows).toEqual([[0, null, null]]);
  const many = await of([2, 4, 8, 16, 32]);
  expect(many.paragraphs[0]).toMatch(/σ grows like n to the power −?\d\.\d{3}, in \[/);
});
