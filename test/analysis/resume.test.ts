import { describe, expect, it } from "vitest";
import type { Measure } from "../../src/analysis/measureRow.js";
import { assembleReport, placeOf, type Report } from "../../src/analysis/report.js";
import { type SweepEvent, type SweepOptions, sweep } from "../../src/analysis/sweep.js";
import { toJSON } from "../../src/report/json.js";
import { parseReport } from "../../src/report/parse.js";
import { fakeMeasure, fakeModel } from "./fakes.js";

const options: SweepOptions = {
  text: "The quick brown fox jumps over the lazy dog.",
  layers: [0, 2],
  heads: true,
  lengths: [2, 4],
  samples: 2,
};
const model = () => fakeModel({ heads: 2 });
const whole = await sweep(model(), options, fakeMeasure);

/** The report that an interruption after so many rows leaves, as it is read back. */
function stoppedAfter(rows: number): Report {
  return parseReport(toJSON(assembleReport(whole.provenance, whole.rows.slice(0, rows), false)));
}

async function resumed(resume: Report, change: Partial<SweepOptions> = {}) {
  const measured: string[] = [];
  const events: SweepEvent[] = [];
  const measure: Measure = (layer, x, given, source) => {
    measured.push(`${source.layer} ${source.head}`);
    return fakeMeasure(layer, x, given, source);
  };
  const onProgress = (event: SweepEvent) => events.push(event);
  const report = await sweep(model(), { ...options, resume, onProgress, ...change }, measure);
  return { report, measured, events };
}

describe("resume", () => {
  it("after any number of rows ends with the same bytes as an uninterrupted sweep", async () => {
    for (let rows = 0; rows <= whole.rows.length; rows++) {
      const { report, measured, events } = await resumed(stoppedAfter(rows), { concurrency: 1 + (rows % 3) });
      expect(toJSON(report)).toBe(toJSON(whole));
      expect(measured).toHaveLength(whole.rows.length - rows);
      const flags = events.flatMap((event) => (event.type === "row" ? [event.resumed] : []));
      expect(flags).toEqual(whole.rows.map((_, at) => at < rows));
    }
  });

  it("takes rows in any order, with gaps", async () => {
    const rows = whole.rows.filter((_, at) => at % 3 !== 1).reverse();
    const { report, measured } = await resumed(assembleReport(whole.provenance, rows, false));
    expect(toJSON(report)).toBe(toJSON(whole));
    expect(measured).toHaveLength(whole.rows.length - rows.length);
  });

  it("walks no model where nothing is left", async () => {
    const log: string[] = [];
    const report = await sweep(fakeModel({ heads: 2, log }), { ...options, resume: whole }, fakeMeasure);
    expect(toJSON(report)).toBe(toJSON(whole));
    expect(log).toEqual([]);
  });

  it("tries failed rows again", async () => {
    const failing: Measure = async (layer, x, given, source) => {
      if (source.layer === 2 && source.head === 1) throw new Error("out of memory");
      return fakeMeasure(layer, x, given, source);
    };
    const broken = await sweep(model(), options, failing);
    expect(broken.rows.filter(({ status }) => status === "failed")).toHaveLength(4);
    const { report, measured } = await resumed(broken);
    expect(measured).toEqual(Array(4).fill("2 1"));
    expect(toJSON(report)).toBe(toJSON(whole));
  });

  it("refuses a report of another sweep and names all that differs, before any work", async () => {
    const log: string[] = [];
    const other = { ...options, seed: 1, layers: [0, 1], text: "Another text.", resume: stoppedAfter(3) };
    const failure = await sweep(fakeModel({ heads: 2, log }), other, fakeMeasure).catch((error) => error);
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure.message).toContain("provenance.options.seed (0 there, 1 here)");
    expect(failure.message).toContain("provenance.options.layers ([0,2] there, [0,1] here)");
    expect(failure.message).toMatch(/provenance\.input\.sha256 \("[0-9a-f]+\.\.\." there, "[0-9a-f]+\.\.\." here\)/);
    expect(failure.message).not.toContain("howsmooth (");
    expect(log).toEqual([]);
  });

  it("of very many and very long differences names the first, shortened", async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`${at} ${"x".repeat(5000)}`, "hash"]));
    const { provenance } = whole;
    const other = { ...whole, provenance: { ...provenance, model: { ...provenance.model, files } } };
    const failure = await resumed(other).catch((error) => error);
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure.message).toMatch(/differs in provenance\.model\.files\..* and 93 more; ask for/);
    expect(failure.message.length).toBeLessThan(1500);
  });

  it("refuses rows that are not of the sweep, and rows that come twice", async () => {
    const [row] = whole.rows;
    const changes = { layer: 1, head: 2, n: 3, sample: 2, start: 1, seed: 7 };
    for (const [key, value] of Object.entries(changes)) {
      const strange = { ...row, [key]: value };
      const failure = await resumed({ ...whole, rows: [strange] }).catch((error) => error);
      expect(failure).toBeInstanceOf(RangeError);
      expect(failure.message).toBe(`"resume.rows[0]": ${placeOf(strange)} is not a row of this sweep`);
    }
    await expect(resumed({ ...whole, rows: [row, row] })).rejects.toThrow(
      '"resume.rows[1]": layer 0, n 2, sample 0 is there twice',
    );
  });
});
