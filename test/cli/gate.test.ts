import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Measure } from "../../src/analysis/measureRow.js";
import { parseReport } from "../../src/report/parse.js";
import { fakeMeasure, fakeModel } from "../analysis/fakes.js";
import { howsmooth, temporaryFolder } from "./harness.js";

const sweep = "analyze random:gpt2 --layers 0,2 --lengths 4,8 --samples 2".split(" ");

/** Everything `factor` times as large, at one layer or at all. */
const grown = (factor: number, at?: number) => ({
  measure: (async (layer, x, options, source) => {
    const measured = await fakeMeasure(layer, x, options, source);
    const by = at === undefined || source.layer === at ? factor : 1;
    return { ...measured, sigma: by * measured.sigma, lower: by * measured.lower, upper: by * measured.upper };
  }) as Measure,
});

async function baseline(args = sweep): Promise<string> {
  const folder = await temporaryFolder();
  await howsmooth([...args, "--out", folder]);
  return join(folder, "report.json");
}

describe("--baseline and --fail-growth", () => {
  it("exit with 3 and one line that says which layer, where, by how much", async () => {
    const path = await baseline();
    const gate = [...sweep, "--baseline", path, "--fail-growth", "1.2"];
    const { code, stderr } = await howsmooth(gate, { using: grown(1.5, 2) });
    expect([code, stderr]).toEqual([
      3,
      "howsmooth: --fail-growth 1.2: 4 of 8 rows grew by more, the most at layer 2, n 4, sample 0: " +
        "upper bound 9.0900, 1.5165 times the baseline's lower bound 5.9940; at most 7.1928 passes\n",
    ]);
  });

  it("pass what stays within, and what shrank", async () => {
    const gate = [...sweep, "--baseline", await baseline(), "--fail-growth", "1.2"];
    for (const factor of [1, 1.18, 0.5]) {
      const { code, stderr } = await howsmooth(gate, { using: grown(factor) });
      expect([code, stderr]).toEqual([0, ""]);
    }
  });

  it("judge by the upper bound, not by sigma", async () => {
    const wide: Measure = async (...args) => {
      const measured = await fakeMeasure(...args);
      return { ...measured, upper: 2 * measured.upper };
    };
    const gate = [...sweep, "--baseline", await baseline(), "--fail-growth", "1.2"];
    expect((await howsmooth(gate, { using: { measure: wide } })).code).toBe(3);
  });

  it("go on with a row until it is decided, and call undecided what cannot be", async () => {
    const path = await baseline();
    const brackets: (number | undefined)[] = [];
    /** Sigma at the baseline's 1.19 times, in a bracket as wide as it was asked for, 20 % if not. */
    const solver = (floor: number): Measure => {
      return async (layer, x, options, source) => {
        const { sigma, ...rest } = await fakeMeasure(layer, x, options, source);
        brackets.push(options.bracket);
        const width = Math.max(options.bracket ?? 0.2, floor);
        const status = width > (options.bracket ?? 1) ? "step-limit" : "converged";
        const value = 1.19 * sigma;
        return { ...rest, status, sigma: value, lower: value, upper: value * (1 + width) };
      };
    };
    const gate = [...sweep, "--baseline", path, "--fail-growth", "1.2", "--json"];
    const passed = await howsmooth(gate, { using: { measure: solver(0) } });
    expect([passed.code, passed.stderr]).toEqual([0, ""]);
    expect(brackets).toHaveLength(16);
    expect(parseReport(passed.stdout).gate).toEqual({
      passed: true,
      failAbove: null,
      failGrowth: 1.2,
      judged: 8,
      unchanged: 0,
      breaches: [],
    });
    const { code, stdout, stderr } = await howsmooth(gate, { using: { measure: solver(0.01) } });
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/: 8 of 8 rows may have grown by more \(undecided\), the most at layer/),
    ]);
    const { gate: verdict } = parseReport(stdout);
    expect(verdict!.passed).toBe(false);
    expect(verdict!.breaches.map(({ decision }) => decision)).toEqual(Array(8).fill("undecided"));
  });

  it("print as many digits as decide", async () => {
    const path = await baseline();
    const barely: Measure = async (...args) => {
      const { lower, ...rest } = await fakeMeasure(...args);
      return { ...rest, status: "step-limit", sigma: 1.2 * lower, lower: 1.2 * lower, upper: 1.2 * lower * (1 + 1e-9) };
    };
    const gate = [...sweep, "--baseline", path, "--fail-growth", "1.2"];
    const { stderr } = await howsmooth(gate, { using: { measure: barely } });
    const [, upper, times, allowed] =
      /upper bound ([\d.]+), ([\d.]+) times .* at most ([\d.]+) passes/.exec(stderr) ?? [];
    expect(Number(upper)).toBeGreaterThan(Number(allowed));
    expect(Number(times)).toBeGreaterThan(1.2);
  });

  it("pass a row of the same content as unchanged, however wide its bracket is", async () => {
    const using = { randomModel: () => fakeModel({ weights: true }) };
    const folder = await temporaryFolder();
    const wide: Measure = async (...args) => {
      const measured = await fakeMeasure(...args);
      return { ...measured, status: "step-limit", upper: 1.3 * measured.lower };
    };
    await howsmooth([...sweep, "--out", folder], { using: { ...using, measure: wide } });
    const gate = [...sweep, "--baseline", folder, "--fail-growth", "1.01", "--json"];
    const same = await howsmooth(gate, { using: { ...using, measure: wide } });
    expect([same.code, same.stderr]).toEqual([0, ""]);
    expect(parseReport(same.stdout).gate).toMatchObject({ passed: true, judged: 8, unchanged: 8 });
    const otherSeed = await howsmooth([...gate, "--seed", "1"], { using: { ...using, measure: wide } });
    expect(otherSeed.code).toBe(3);
  });

  it("take the folder of the report, too", async () => {
    const folder = join(await baseline(), "..");
    const { code } = await howsmooth([...sweep, "--baseline", folder, "--fail-growth", "1.2"], { using: grown(2) });
    expect(code).toBe(3);
  });

  it("say which rows have no match, and judge the others", async () => {
    const path = await baseline("analyze random:gpt2 --layers 1,2 --lengths 4,8 --samples 2".split(" "));
    const { code, stderr } = await howsmooth([...sweep, "--baseline", path, "--fail-growth", "1.2"], {
      using: grown(2),
    });
    expect(code).toBe(3);
    expect(stderr).toContain("lacks 4 of the rows, the first at layer 0, n 4, sample 0; not judged\n");
    expect(stderr).toContain("4 of its rows were not measured now, the first at layer 1, n 4, sample 0\n");
    expect(stderr).toContain("--fail-growth 1.2: 4 of 4 rows grew by more");
  });

  it("do not pass when nothing can be judged", async () => {
    const path = await baseline("analyze random:gpt2 --layers 1 --lengths 4 --samples 1".split(" "));
    const { code, stderr } = await howsmooth([...sweep, "--baseline", path, "--fail-growth", "1.2"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/none of its rows was measured now.*\n$/)]);
  });

  it("say when the baseline was measured on another text", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "text"), "another text, and not a long one");
    const path = await baseline([...sweep, "--text", join(folder, "text")]);
    const { code, stderr } = await howsmooth([...sweep, "--baseline", path, "--fail-growth", "1.2"]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/note that it was measured on another text\n$/)]);
  });

  it("are read before anything is measured; a file that is no report is named", async () => {
    const folder = await temporaryFolder();
    const using = { createRuntime: () => Promise.reject(new Error("must not be reached")) };
    const gate = (path: string) => howsmooth([...sweep, "--baseline", path, "--fail-growth", "2"], { using });
    expect((await gate(join(folder, "none.json"))).stderr).toMatch(
      /--baseline: .*none\.json: no such file or folder\n$/,
    );
    await writeFile(join(folder, "broken.json"), "{");
    const { code, stderr } = await gate(join(folder, "broken.json"));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/--baseline: .*broken\.json is no report .*expected JSON.*\n$/),
    ]);
  });
});

describe("howsmooth compare", () => {
  it("sets two reports side by side and exits with 0", async () => {
    const a = await baseline();
    const folder = await temporaryFolder();
    await howsmooth([...sweep, "--out", folder], { using: grown(2, 2) });
    const { code, stdout, stderr } = await howsmooth(["compare", a, folder]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.replace(a, "A").replace(folder, "B")).toMatchInlineSnapshot(`
      "a: A
      b: B

      layer  head      n  rows     sigma a     sigma b     b / a  beyond their brackets
          0   all      4     2      2.0000      2.0000     1.000
          0   all      8     2      2.8284      2.8284     1.000
          0   all    all     4      2.4142      2.4142     1.000
          2   all      4     2      6.0000      12.000     2.000  2 above of 2
          2   all      8     2      8.4853      16.971     2.000  2 above of 2
          2   all    all     4      7.2426      14.485     2.000  4 above of 4

      8 rows in both; in 4 of them the brackets do not overlap
      "
    `);
  });

  it("prints the comparison as JSON", async () => {
    const a = await baseline();
    const { rows, groups } = JSON.parse((await howsmooth(["compare", a, a, "--json"])).stdout);
    expect(rows).toHaveLength(8);
    expect(groups).toHaveLength(6);
    for (const { ratio } of rows) expect(ratio).toBe(1);
  });

  it("refuses what cannot be read or compared, naming which report", async () => {
    const a = await baseline();
    const folder = await temporaryFolder();
    const other = await baseline("analyze random:gpt2 --layers 3 --lengths 2 --samples 1".split(" "));
    const hostile = join(folder, "hostile.json");
    const text = await readFile(a, "utf8");
    await writeFile(hostile, text.replace('"layer":2', '"layer":1e99'));
    const cases: [string[], RegExp][] = [
      [[a, join(folder, "none")], /report b: .*none: no such file or folder/],
      [[folder, a], /report a: .*report\.json: no such file or folder/],
      [[a, hostile], /report b: .*hostile\.json is no report .*"report\.rows\[4\]\.layer": expected an integer/],
      [[a, other], /the reports have no measured row in common \(8 and 1 rows\)/],
    ];
    for (const [paths, message] of cases) {
      const { code, stdout, stderr } = await howsmooth(["compare", ...paths]);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(message)]);
      expect(stderr).toMatch(/^howsmooth: .*\n$/);
    }
  });
});
