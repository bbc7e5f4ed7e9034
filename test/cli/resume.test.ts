import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Measure } from "../../src/analysis/measureRow.js";
import { Interruption } from "../../src/cli/io.js";
import { parseReport } from "../../src/report/parse.js";
import { fakeMeasure, fakeModel } from "../analysis/fakes.js";
import { howsmooth, temporaryFolder } from "./harness.js";

const sweep = "analyze random:gpt2 --layers 0,2 --heads --lengths 4,8 --samples 2".split(" ");
const rows = 24;
const heads = { randomModel: () => fakeModel({ heads: 2 }) };
const files = ["report.json", "report.csv", "report.svg", "report.html"];

const contents = (folder: string) => Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));

/** Runs until so many more rows are measured, and is then interrupted. */
function stoppingAfter(more: number) {
  const controller = new AbortController();
  let measured = 0;
  const measure: Measure = (layer, x, options, source) => {
    if (++measured === more) controller.abort(new Interruption("Ctrl-C", 130));
    return fakeMeasure(layer, x, options, source);
  };
  return { signal: controller.signal, using: { ...heads, measure } };
}

describe("--resume", () => {
  it("after an interruption at any row ends with the same files as an uninterrupted run", async () => {
    const whole = await temporaryFolder();
    await howsmooth([...sweep, "--out", whole], { using: heads });
    for (let at = 1; at < rows; at++) {
      const folder = await temporaryFolder();
      const first = await howsmooth([...sweep, "--out", folder], stoppingAfter(at));
      expect([first.code, first.stderr]).toEqual([130, expect.stringContaining(`holds a report of ${at} of 24 rows`)]);
      const second = await howsmooth([...sweep, "--out", folder, "--resume"], { using: heads });
      expect([second.code, second.stderr]).toEqual([0, ""]);
      expect(await contents(folder)).toEqual(await contents(whole));
    }
  });

  it("loses no row when it is interrupted again, before or after the place of the first interruption", async () => {
    const whole = await temporaryFolder();
    await howsmooth([...sweep, "--out", whole], { using: heads });
    const folder = await temporaryFolder();
    await howsmooth([...sweep, "--out", folder], stoppingAfter(20));
    const broken = {
      randomModel: () => ({
        ...fakeModel({ heads: 2 }),
        walk(): never {
          throw new Error("model.safetensors: truncated");
        },
      }),
    };
    const failed = await howsmooth([...sweep, "--out", folder, "--resume"], { using: broken });
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("holds a report of 20 of 24 rows")]);
    await howsmooth([...sweep, "--out", folder, "--resume"], stoppingAfter(2));
    expect(parseReport(await readFile(join(folder, "report.json"), "utf8")).rows).toHaveLength(22);
    await howsmooth([...sweep, "--out", folder, "--resume"], { using: heads });
    expect(await contents(folder)).toEqual(await contents(whole));
  });

  it("starts from the beginning where there is no report yet, and says so", async () => {
    const folder = join(await temporaryFolder(), "new");
    const { code, stderr } = await howsmooth([...sweep, "--out", folder, "--resume"], { using: heads });
    expect([code, stderr]).toEqual([
      0,
      `howsmooth: --resume: no report.json in ${folder} yet; starting from the beginning\n`,
    ]);
  });

  it("refuses the report of another sweep, says what differs, and leaves it as it is", async () => {
    const folder = await temporaryFolder();
    await howsmooth([...sweep, "--out", folder], stoppingAfter(3));
    const before = await contents(folder);
    const other = await howsmooth([...sweep, "--out", folder, "--resume", "--seed", "1"], { using: heads });
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/^howsmooth: "resume": .*differs in provenance\.options\.seed \(0 there, 1 here\)/);
    expect(await contents(folder)).toEqual(before);
  });

  it("refuses a report that is damaged", async () => {
    const folder = await temporaryFolder();
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "report.json"), '{"provenance": 1}');
    const { code, stderr } = await howsmooth([...sweep, "--out", folder, "--resume"], { using: heads });
    expect([code, stderr]).toEqual([
      1,
      `howsmooth: --resume: ${join(folder, "report.json")} is no report that this version can read: ` +
        '"report.provenance": expected an object, got 1\n',
    ]);
  });

  it("counts only what is left in the time left", async () => {
    const folder = await temporaryFolder();
    await howsmooth([...sweep, "--out", folder], stoppingAfter(22));
    const { stderr } = await howsmooth([...sweep, "--out", folder, "--resume"], { using: heads, isTTY: true });
    expect(stderr).toContain("  0 %  row 22 of 24");
    expect(stderr).toContain(" 50 %  row 23 of 24");
  });
});
