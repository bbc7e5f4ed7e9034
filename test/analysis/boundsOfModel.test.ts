import { afterAll, expect, it } from "vitest";
import { boundsOfModel } from "../../src/analysis/boundsOfModel.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { loadModel, randomModel } from "../../src/models/index.js";
import { formatBoundsHeader, formatBoundsRow } from "../../src/report/boundsTable.js";

const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
afterAll(() => runtime.dispose());

const tokens = Array.from({ length: 40 }, (_, at) => (5 * at) % 40);
const root = new URL("../oracle/architectures/", import.meta.url).pathname;

it.each([
  ["random GPT-2", () => randomModel("gpt2", { runtime, layers: 2, width: 16, heads: 2, vocabulary: 40, context: 16 })],
  ["BERT, whose norms stand behind", () => loadModel(`${root}bert`, { runtime })],
  ["Llama, with rotary positions", () => loadModel(`${root}llama`, { runtime })],
])("every bound of %s is above sigma, and holds its tokens", async (name, open) => {
  const model = await open();
  const { vocabulary } = model.config;
  const seen: number[] = [];
  const rows = await boundsOfModel(model, {
    tokens: tokens.map((token) => token % vocabulary),
    layers: [0, 1],
    lengths: [2, 5],
    onRow: ({ layer }) => seen.push(layer),
  });
  expect(rows.map(({ layer, n }) => [layer, n])).toEqual([
    [0, 2],
    [0, 5],
    [1, 2],
    [1, 5],
  ]);
  expect(seen).toEqual([0, 0, 1, 1]);
  for (const row of rows) {
    const { sigma, lower, local, pointwise, normalized, ball, radius, largestToken } = row;
    const uppers = [local.value, pointwise?.value, normalized?.value, ...Object.values(ball).map(({ value }) => value)];
    for (const upper of uppers) if (upper !== undefined) expect(upper).toBeGreaterThanOrEqual(lower);
    expect(lower).toBeLessThanOrEqual(sigma * (1 + 1e-9));
    expect(largestToken).toBeLessThanOrEqual(radius.value * (1 + 1e-6));
    expect(normalized).not.toBeNull();
    expect(pointwise === null).toBe(name.startsWith("Llama"));
    expect(radius.source).toBe("MATH 4");
    const cells = formatBoundsRow(row);
    expect(cells).not.toMatch(/undefined|NaN/);
    expect(cells.includes("–")).toBe(name.startsWith("Llama"));
  }
  expect(formatBoundsHeader()).toMatch(/^layer +n +sigma +\[lower, upper\] +at x +distances +radius/);
});
