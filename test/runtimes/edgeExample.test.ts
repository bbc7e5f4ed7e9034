// examples/edge in workerd: its answers, its refusals, and what a measurement costs.
import { cpSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recordCost } from "./evidence.js";
import { describeWith, workerd, wrangler } from "./machine.js";
import { consumer, root } from "./places.js";
import { bundleByWrangler, type Served, serve } from "./worker.js";

const matrix = (rows: number, columns: number, entry: (row: number, column: number) => number) =>
  Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => entry(row, column)));
const identity = (d: number) => ({ weight: matrix(d, d, (row, column) => Number(row === column)) });
const wave = (row: number, column: number) => Math.sin(1 + 3 * row + 5 * column);
const layer = (d: number) => ({ heads: 1, query: identity(d), key: identity(d), value: identity(d) });

describeWith([workerd, wrangler], "examples/edge", () => {
  let served: Served;
  beforeAll(async () => {
    cpSync(`${root}examples/edge/worker.js`, `${consumer}worker.js`);
    served = await serve(await bundleByWrangler("worker.js", "example"));
  });
  afterAll(() => served?.stop());

  const post = async (body: unknown) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(served.url, { method: "POST", body: text });
    return { status: response.status, answer: await response.json() };
  };

  it("answers sigma with its bracket: two tokens apart on a line, in closed form", async () => {
    const { status, answer } = await post({ layer: layer(1), x: [[1], [-1]] });
    expect(status).toBe(200);
    expect(answer.sigma).toBeCloseTo(Math.tanh(1) + 2 / Math.cosh(1) ** 2, 4);
    expect(answer.lower).toBeLessThanOrEqual(answer.sigma);
    expect(answer.upper).toBeGreaterThanOrEqual(answer.sigma);
    expect(answer).toMatchObject({ tokens: 2, failureProbability: 1e-6 });
  });

  it("takes masks and biases", async () => {
    const spec = { ...layer(2), mask: "causal", query: { ...identity(2), bias: [1, 0] } };
    expect((await post({ layer: spec, x: matrix(5, 2, wave) })).status).toBe(200);
  });

  it.each([
    ["no JSON", 400, "{", /not JSON/],
    ["no tokens", 400, { layer: layer(1) }, /"layer" and "x"/],
    ["ragged tokens", 422, { layer: layer(2), x: [[1, 2], [3]] }, /"x": expected rows of equal length/],
    ["rows that are no arrays", 422, { layer: layer(2), x: "12" }, /"x": expected rows/],
    ["a layer of another width", 422, { layer: layer(3), x: [[1, 2]] }, /"x".*3/],
    ["a layer without its query", 422, { layer: { heads: 1 }, x: [[1]] }, /query/],
    ["a query without its weight", 422, { layer: { ...layer(1), query: {} }, x: [[1]] }, /query\.weight/],
    ["a null query", 422, { layer: { ...layer(1), query: null }, x: [[1]] }, /query/],
    ["a bias that is no list", 422, { layer: { ...layer(1), query: { ...identity(1), bias: 3 } }, x: [[1]] }, /bias/],
    ["a field that does not exist", 422, { layer: { ...layer(1), head: 1 }, x: [[1]] }, /head/],
    ["a token that is no number", 422, { layer: layer(1), x: [["a"]] }, /"x".*NaN/],
    ["too long an input", 413, { layer: layer(8), x: matrix(4000, 8, wave) }, /too much work/],
    ["too large a body", 413, " ".repeat(2 ** 20 + 1), /more than 1048576 bytes/],
  ])("refuses %s with %i", async (_, expected, body, message) => {
    const { status, answer } = await post(body);
    expect({ status, error: answer.error }).toEqual({ status: expected, error: expect.stringMatching(message) });
  });

  it("refuses what is not a POST", async () => {
    const response = await fetch(served.url);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });

  it("costs little: 64 tokens of 64 features", async () => {
    const body = { layer: layer(64), x: matrix(64, 64, (row, column) => wave(row, column) / 8) };
    await post(body);
    const before = served.cpu();
    const requests = 10;
    for (let i = 0; i < requests; i++) expect((await post(body)).answer.status).toBe("converged");
    const milliseconds = (served.cpu() - before) / requests;
    const megabytes = served.peakMemory() / 2 ** 20;
    recordCost("edge", { tokens: 64, features: 64, milliseconds, megabytes });
    expect(milliseconds).toBeLessThan(500);
    expect(megabytes).toBeLessThan(256);
  });
});
