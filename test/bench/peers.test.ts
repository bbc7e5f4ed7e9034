// The parts of `npm run bench:peers` that need no peer: what is said from the measurements, and when nothing is.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import { describe, expect, it } from "vitest";
import { agreement } from "../../bench/peers/measure.js";
import { paperMethod } from "../../bench/peers/paperMethod.js";
import { insertTables } from "../../bench/peers/readme.js";
import { geometricMean, relativeError, summary } from "../../bench/peers/statistics.js";
import { tables } from "../../bench/peers/table.js";

describe("statistics", () => {
  it("summary gives the median of odd and even counts, with the extremes", () => {
    expect(summary([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3, runs: 3 });
    expect(summary([4, 1, 2, 9]).median).toBe(3);
  });

  it("geometricMean of ratios is that of their inverses, inverted", () => {
    const ratios = [0.5, 3, 20];
    expect(geometricMean(ratios) * geometricMean(ratios.map((r) => 1 / r))).toBeCloseTo(1, 12);
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
  });

  it("relativeError is infinite where lengths differ", () => {
    expect(relativeError([1, 2], [1, 2])).toBe(0);
    expect(relativeError([3, 5], [3, 4])).toBeCloseTo(0.2, 12);
    expect(relativeError([1], [1, 2])).toBe(Infinity);
  });
});

describe("paperMethod", () => {
  /** Power iteration on JᵀJ = diag(spectrum²) from an even start. */
  const on = (singular: number[]) => {
    let u = singular.map(() => 1 / Math.sqrt(singular.length));
    return async () => {
      const image = u.map((value, i) => value * singular[i] ** 2);
      const mu = image.reduce((sum, value, i) => sum + value * u[i], 0);
      const norm = Math.hypot(...image);
      u = image.map((value) => value / norm);
      return mu;
    };
  };

  it("finds sigma where the gap is wide", async () => {
    const { sigma, end, steps } = await paperMethod(on([3, 1, 0.5]));
    expect(sigma).toBeCloseTo(3, 4);
    expect(end).toBe("threshold");
    expect(steps).toBeLessThan(10);
  });

  it("quits after one step where |J|_F²/(nd) is below its threshold (MATH 13.2)", async () => {
    const spectrum = [0.78, ...new Array(9999).fill(0.001)];
    const { sigma, steps } = await paperMethod(on(spectrum));
    expect(steps).toBe(1);
    expect(sigma).toBeLessThan(0.01);
  });

  it("says when it ran into its limit, and when it was cut", async () => {
    const slow = [400, 399.9, 1];
    expect(await paperMethod(on(slow), { maxSteps: 5 })).toMatchObject({ end: "limit", steps: 5 });
    expect(await paperMethod(on(slow), { budget: -1 })).toMatchObject({ end: "cut", steps: 1 });
  });
});

describe("agreement", () => {
  const contestant = (name: string, data: number[]) => ({
    name,
    ask: async (_: string, { out }: { out?: string }) => {
      await writeFile(out!, new Uint8Array(Float32Array.from(data).buffer));
    },
  });
  const compare = async (...results: number[][]) => {
    const folder = await mkdtemp(`${os.tmpdir()}/agreement-`);
    try {
      const entries = results.map((data, i) => ({ contestant: contestant(`peer ${i}`, data), method: "forward" }));
      return await agreement(entries, "forward at n = 2", `${folder}/out.f32`);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  it("returns each one's error relative to the first", async () => {
    const [first, second] = await compare([1, 2], [1, 2.00001]);
    expect(first.error).toBe(0);
    expect(second.error).toBeGreaterThan(1e-6);
  });

  it("refuses to go on when one differs, naming it", async () => {
    await expect(compare([1, 2], [1, 2], [1, 2.1])).rejects.toThrow(/no times: forward at n = 2.*peer 2 \(forward\)/);
    await expect(compare([1, 2], [1, Number.NaN])).rejects.toThrow(/peer 1/);
    await expect(compare([1, 2], [1])).rejects.toThrow(/peer 1/);
  });
});

describe("insertTables", () => {
  const readme = "# a\n<!-- peers -->\nold\n<!-- /peers -->\nend\n";

  it("replaces what stands between the markers, again and again", () => {
    const once = insertTables(readme, "new\n");
    expect(once).toBe("# a\n<!-- peers -->\nnew\n<!-- /peers -->\nend\n");
    expect(insertTables(once, "new")).toBe(once);
  });

  it("names the markers that are missing", () => {
    expect(() => insertTables("# a\n", "new")).toThrow("<!-- peers -->");
    expect(() => insertTables("<!-- /peers --><!-- peers -->", "new")).toThrow("<!-- /peers -->");
  });
});

describe("tables", () => {
  const times = (median: number) => ({ median, low: median / 2, high: median * 2, runs: 3 });
  const run = (who: string, seconds: number, end = "converged", error = 1e-6) => ({
    who,
    ...times(seconds),
    sigma: 1,
    error,
    steps: 9,
    end,
  });
  const problem = {
    n: 512,
    weights: 0.1,
    mask: "none",
    agreement: [{ error: 3e-6 }],
    forward: [
      { who: "howsmooth", method: "forward", ...times(2) },
      { who: "onnxruntime-web", method: "forward", ...times(5) },
    ],
    application: [
      { who: "howsmooth", method: "application", ...times(6) },
      { who: "PyTorch", method: "formulas", ...times(12) },
    ],
    sigma: [run("howsmooth", 1), run("PyTorch", 8, "threshold", 0.02), run("jax-js", 90, "cut", 0.3)],
  };
  const results = {
    date: "2026-01-02T00:00:00Z",
    quick: false,
    machine: { cpu: "A CPU", cores: 2, os: "Linux" },
    load: { before: 0, after: 1 },
    contestants: [{ who: "howsmooth", version: "1.2.3", on: "Node 24, relaxed" }],
    absent: ["tfjs: not here"],
    minutes: 3,
    problems: [problem, { ...problem, sigma: [run("howsmooth", 2), run("PyTorch", 4, "limit"), run("jax-js", 90)] }],
    gemm: { shapes: [{ kind: "A·B", m: 512, n: 512, k: 512, ceiling: 60, total: 45, product: 50, aim: 0.9 }] },
    loading: { randomSeconds: 1, openSeconds: 0.1, openedBytes: 1e6, fileBytes: 5e8 },
    firstRow: { seconds: 1 },
  };
  const text = tables(results);

  it("names machine, versions and who is absent", () => {
    expect(text).toContain("A CPU");
    expect(text).toContain("howsmooth 1.2.3 (Node 24, relaxed)");
    expect(text).toContain("Absent: tfjs: not here.");
  });

  it("gives the peer's own error beside its time, and says when it was cut or at its limit", () => {
    expect(text).toContain("8.0 [4.0–16.0] s; 9 steps; error 2e-2");
    expect(text).toContain("> 90.0 [45.0–180] s; 9 steps, cut; error 3e-1");
    expect(text).toContain("9 steps, at its limit");
  });

  it("calls a ratio that rests on a cut run a lower bound, and only that", () => {
    expect(text).toContain("| sigma, sooner than PyTorch, geometric mean | 4.0× | 10× |");
    expect(text).toContain("| sigma, sooner than PyTorch, worst setting | 2.0× | 3× |");
    expect(text).toContain("| sigma, sooner than jax-js, geometric mean | at least 63.6× | 100× |");
  });

  it("compares one application with PyTorch by hand, and forward with onnxruntime-web", () => {
    expect(text).toContain("| one application / PyTorch by hand, n = 512 | 0.50 |");
    expect(text).toContain("| forward, faster than onnxruntime-web, n = 512 | 2.5× |");
  });

  it("leaves out the ratios to a peer that is absent", () => {
    const alone = { ...problem, application: [problem.application[0]], sigma: [problem.sigma[0]] };
    const without = tables({ ...results, problems: [alone] });
    expect(without).not.toContain("sooner than");
    expect(without).not.toContain("PyTorch by hand");
  });
});
