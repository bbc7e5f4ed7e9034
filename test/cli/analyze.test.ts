import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Measure } from "../../src/analysis/measureRow.js";
import { defaultText } from "../../src/analysis/samples/essay.js";
import { Interruption } from "../../src/cli/io.js";
import { toCSV } from "../../src/report/csv.js";
import { toHTML } from "../../src/report/html.js";
import { toJSON } from "../../src/report/json.js";
import { parseReport } from "../../src/report/parse.js";
import { toSVG } from "../../src/report/svg.js";
import { toTable } from "../../src/report/table.js";
import { fakeMeasure, fakeModel } from "../analysis/fakes.js";
import { howsmooth, temporaryFolder } from "./harness.js";

const short = "analyze random:gpt2 --layers 0,2 --lengths 4,8:16:8 --samples 2";

describe("howsmooth analyze", () => {
  it("prints the table of the report that --json prints", async () => {
    const table = await howsmooth(short);
    const json = await howsmooth(`${short} --json`);
    expect([table.code, table.stderr, json.code, json.stderr]).toEqual([0, "", 0, ""]);
    const report = parseReport(json.stdout);
    expect(table.stdout).toBe(toTable(report));
    expect(toJSON(report)).toBe(json.stdout);
    expect(report.complete).toBe(true);
    expect(report.rows.map(({ layer, n, sample }) => `${layer} ${n} ${sample}`)).toEqual(
      [0, 2].flatMap((layer) => [4, 8, 16].flatMap((n) => [0, 1].map((sample) => `${layer} ${n} ${sample}`))),
    );
    expect(report.fits).toEqual([]);
    expect(table.stdout).toContain(
      "layer 0: no power law: 3 lengths with sigma above 0, a power law is shown from 4 on",
    );
    expect(report.provenance.runtime?.device).toBe("wasm");
    expect(report.provenance.input).toMatchObject({ kind: "text", tokens: defaultText.length });
  });

  it("takes all layers, lengths up to the context and 10 samples by default", async () => {
    const using = { randomModel: () => fakeModel({ layers: 2, context: 20 }) };
    const { stdout } = await howsmooth("analyze random:gpt2 --json", { using });
    expect(parseReport(stdout).provenance.options).toEqual({
      of: ["attention"],
      layers: [0, 1],
      heads: false,
      lengths: [2, 4, 8, 16],
      samples: 10,
      windows: "spread",
      seed: 0,
      rtol: null,
      bracket: null,
      bos: false,
      specialTokens: false,
      words: false,
    });
  });

  it("hands the flags to the runtime, the model and the measurement", async () => {
    const seen: unknown[] = [];
    const using = {
      loadModel: async (source: string) => {
        seen.push(source);
        return fakeModel();
      },
      measure: ((layer, x, options, source) => {
        seen.push([options.rtol, options.bracket]);
        return fakeMeasure(layer, x, options, source);
      }) as Measure,
    };
    const flags =
      "--layers 1 --lengths 4 --samples 1 --rtol 1e-3 --bracket .5 --seed 7 --bos --dtype f64 --device wasm";
    const { stdout } = await howsmooth(`analyze ./folder ${flags} --json`, { using });
    const { provenance } = parseReport(stdout);
    expect(seen).toEqual(["./folder", [1e-3, 0.5]]);
    expect(provenance.options).toMatchObject({ seed: 7, rtol: 1e-3, bracket: 0.5, bos: true });
    expect(provenance.runtime?.dtype).toBe("f64");
  });

  it("shows a row as soon as it is measured", async () => {
    const seen: string[] = [];
    const using = {
      measure: (async (layer, x, options, source) => {
        seen.push("measured");
        return fakeMeasure(layer, x, options, source);
      }) as Measure,
    };
    const stdout = { write: (text: string) => seen.push(/^ +0 .*converged/.test(text) ? "shown" : "other") };
    const { run } = await import("../../src/cli/run.js");
    const { engine } = await import("./harness.js");
    const io = { stdout, stderr: { write() {} }, env: {}, signal: new AbortController().signal, now: () => 0 };
    await run("analyze random:gpt2 --layers 0 --lengths 4 --samples 2".split(" "), io, { ...engine, ...using });
    expect(seen).toEqual(["other", "measured", "shown", "measured", "shown", "other"]);
  });

  it("draws progress with the time left on a terminal's stderr only, and takes it away for each row", async () => {
    let seconds = 0;
    const { stdout, stderr } = await howsmooth(short, { isTTY: true, now: () => 1000 * seconds++ });
    expect(stdout).toBe((await howsmooth(short)).stdout);
    expect(stderr).toMatch(/\[=+ *\] +\d+ % {2}row 3 of 12, layer 0 {2}(\d+ s|\d+:\d\d) left/);
    expect(stderr.endsWith("\r\x1b[K")).toBe(true);
    expect((await howsmooth(short)).stderr).toBe("");
  });

  it("reads a text and tokens from files", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "text.txt"), "\ufeffHello, world");
    await writeFile(join(folder, "tokens.json"), " [1, 2, 3]\n");
    const flags = ["--layers", "0", "--lengths", "2", "--samples", "1", "--json"];
    const text = await howsmooth(["analyze", "random:gpt2", "--text", join(folder, "text.txt"), ...flags]);
    expect(parseReport(text.stdout).provenance.input).toMatchObject({ kind: "text", tokens: 12 });
    const tokens = await howsmooth(["analyze", "random:gpt2", "--tokens", join(folder, "tokens.json"), ...flags]);
    expect(parseReport(tokens.stdout).provenance.input).toMatchObject({ kind: "tokens", tokens: 3 });
  });

  const files: [string, flag: string, content: string | Uint8Array | null, RegExp][] = [
    ["a missing text", "--text", null, /--text: .*input: no such file or folder/],
    ["an empty text", "--text", " \n", /--text: .*input is empty/],
    ["a text that is not UTF-8", "--text", Uint8Array.of(0xff, 0xfe, 0x41), /--text: .*input is not UTF-8 text/],
    ["missing tokens", "--tokens", null, /--tokens: .*input: no such file or folder/],
    ["tokens that are not JSON", "--tokens", "1, 2", /--tokens: .*input is not JSON/],
    ["tokens that are no array", "--tokens", '{"a":1}', /--tokens: .*input holds no JSON array/],
    ["no tokens", "--tokens", "[]", /--tokens: .*empty array/],
    ["tokens that are no integers", "--tokens", '[1, "2"]', /--tokens: .*got "2" at \[1\]/],
    ["negative tokens", "--tokens", "[-1]", /--tokens: .*got -1 at \[0\]/],
    ["a token out of the vocabulary", "--tokens", "[5, 1000]", /"tokens\[1\]".*from 0 to 999, got 1000/],
  ];
  it.each(files)("refuses %s with exit code 1 and one line", async (_, flag, content, message) => {
    const path = join(await temporaryFolder(), "input");
    if (content !== null) await writeFile(path, content);
    const { code, stdout, stderr } = await howsmooth(["analyze", "random:gpt2", flag, path]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^howsmooth: .*\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  it("refuses a folder given as text", async () => {
    const { code, stderr } = await howsmooth(["analyze", "random:gpt2", "--text", await temporaryFolder()]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/--text: .*is a folder, not a file/)]);
  });
});

describe("--out", () => {
  it("writes report.json, report.csv, report.svg and report.html, the same bytes each time, and nothing else", async () => {
    const folder = join(await temporaryFolder(), "new", "report");
    const { code } = await howsmooth([...short.split(" "), "--out", folder]);
    expect(code).toBe(0);
    expect((await readdir(folder)).sort()).toEqual(["report.csv", "report.html", "report.json", "report.svg"]);
    const json = await readFile(join(folder, "report.json"), "utf8");
    const report = parseReport(json);
    expect(await readFile(join(folder, "report.csv"), "utf8")).toBe(toCSV(report));
    expect(await readFile(join(folder, "report.svg"), "utf8")).toBe(toSVG(report));
    expect(await readFile(join(folder, "report.html"), "utf8")).toBe(toHTML(report));
    await howsmooth([...short.split(" "), "--out", folder]);
    expect(await readFile(join(folder, "report.json"), "utf8")).toBe(json);
  });

  it("is checked before anything is measured, and not made before there is something to write", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    const measured: string[] = [];
    const using = {
      createRuntime: () => {
        measured.push("runtime");
        return Promise.reject(new Error("must not be reached"));
      },
    };
    for (const out of [join(folder, "file"), join(folder, "file", "deeper"), "/proc/howsmooth"]) {
      const { code, stderr } = await howsmooth(["analyze", "random:gpt2", "--out", out], { using });
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^howsmooth: --out: cannot write into .*\n$/)]);
    }
    expect(measured).toEqual([]);
    const failing = await howsmooth(["analyze", "./missing", "--out", join(folder, "new")]);
    expect(failing.code).toBe(1);
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("refuses a folder with something in the way of report.json", async () => {
    const folder = await temporaryFolder();
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(folder, "report.json"));
    const { code, stderr } = await howsmooth(["analyze", "random:gpt2", "--out", folder]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/report\.json is not a file and would be in the way/)]);
  });
});

describe("an interrupted run", () => {
  const interrupted = (after: number) => {
    const controller = new AbortController();
    let rows = 0;
    const measure: Measure = async (layer, x, options, source) => {
      if (rows++ === after) controller.abort(new Interruption("SIGINT", 130));
      return fakeMeasure(layer, x, options, source);
    };
    return { signal: controller.signal, using: { measure } };
  };

  it("exits with 130 and leaves a valid report of the rows so far", async () => {
    const folder = await temporaryFolder();
    const { code, stdout, stderr } = await howsmooth([...short.split(" "), "--out", folder], interrupted(2));
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /holds a report of 3 of 12 rows; --resume goes on from there\nhowsmooth: interrupted by SIGINT\n$/,
    );
    expect(stdout).toContain("incomplete: 3 of 12 rows");
    const report = parseReport(await readFile(join(folder, "report.json"), "utf8"));
    expect(report.complete).toBe(false);
    expect(report.rows).toHaveLength(3);
    expect((await readdir(folder)).sort()).toEqual(["report.csv", "report.html", "report.json", "report.svg"]);
  });

  it("prints that report with --json", async () => {
    const { code, stdout } = await howsmooth(`${short} --json`, interrupted(0));
    expect(code).toBe(130);
    expect(parseReport(stdout)).toMatchObject({ complete: false, rows: [{ layer: 0 }] });
  });

  it("keeps the rows too when the model fails halfway", async () => {
    const folder = await temporaryFolder();
    const model = fakeModel();
    const broken = {
      ...model,
      async *walk(...args: Parameters<typeof model.walk>) {
        for await (const step of model.walk(...args)) {
          if (step.layer === 2) throw new Error("model.safetensors: truncated");
          yield step;
        }
      },
    };
    const result = await howsmooth([...short.split(" "), "--out", folder], { using: { randomModel: () => broken } });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/howsmooth: model.safetensors: truncated\n$/);
    const report = parseReport(await readFile(join(folder, "report.json"), "utf8"));
    expect([report.complete, report.rows.length]).toEqual([false, 6]);
  });
});

describe("exit codes", () => {
  const failing = {
    measure: (async (layer, x, options, source) => {
      if (x.shape[0] === 8 && options.seed! > 0) throw new RangeError('"x": NaN');
      return fakeMeasure(layer, x, options, source);
    }) as Measure,
  };

  it("1 when a row failed, which one, and all others measured", async () => {
    const { code, stdout, stderr } = await howsmooth(short, { using: failing });
    expect(code).toBe(1);
    expect(stderr).toBe('howsmooth: 4 of 12 rows failed, the first at layer 0, n 8, sample 0: "x": NaN\n');
    expect(stdout.match(/converged/g)).toHaveLength(8);
  });

  it("3 when an upper bound is above --fail-above: the worst row, and by how much", async () => {
    // The largest upper bound is 3·√16·1.01 = 12.12; the value itself, 12, is below the limit.
    const { code, stderr } = await howsmooth(`${short} --fail-above 12.1`);
    expect(code).toBe(3);
    expect(stderr).toBe(
      "howsmooth: --fail-above 12.1: 2 of 12 rows are not certainly within (undecided), the most at layer 2, n 16, " +
        "sample 0: upper bound 12.120, 0.020000 (0.17 %) too much; its lower bound 11.988 is within\n",
    );
    expect((await howsmooth(`${short} --fail-above 12.13`)).code).toBe(0);
    expect((await howsmooth(`${short} --fail-above 0`)).stderr).toMatch(
      /12 of 12 rows are above, .* upper bound 12\.120, 12\.120 too much\n$/,
    );
  });

  it("3 goes before 1, and both are said", async () => {
    const { code, stderr } = await howsmooth(`${short} --fail-above 12.1`, { using: failing });
    expect(code).toBe(3);
    expect(stderr).toMatch(/rows failed[\s\S]*--fail-above/);
  });
});
