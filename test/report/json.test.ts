import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LayerFit, Row } from "../../src/analysis/report.js";
import { toJSON } from "../../src/report/json.js";
import { parseReport } from "../../src/report/parse.js";
import { sample } from "./sample.js";

describe("toJSON", () => {
  it("is JSON of the report, one row a line, the same bytes each time", () => {
    const text = toJSON(sample);
    expect(JSON.parse(text)).toEqual({ schema: 2, ...sample });
    expect(toJSON(structuredClone(sample))).toBe(text);
    expect(text.split("\n").filter((line) => line.startsWith('    {"layer":'))).toHaveLength(
      sample.rows.length + sample.fits.length,
    );
  });

  it("refuses a number that JSON cannot hold", () => {
    const rows = [{ ...sample.rows[0], radius: Number.NaN }];
    expect(() => toJSON({ ...sample, rows } as typeof sample)).toThrow('"radius": expected a finite number');
  });
});

describe("parseReport", () => {
  it("returns what was written, byte for byte when written again", () => {
    expect(parseReport(toJSON(sample))).toEqual(sample);
    expect(toJSON(parseReport(toJSON(sample)))).toBe(toJSON(sample));
    const { input, options, model } = sample.provenance;
    const { source: _, ...rest } = model;
    const provenance = {
      howsmooth: "9",
      date: "today",
      model: { source: model.source, files: { a: "b" }, ...rest },
      runtime: null,
      input: { ...input, sha256: null },
      options,
    };
    const text = toJSON({ provenance, rows: [], fits: [], complete: true });
    expect(toJSON(parseReport(text))).toBe(text);
  });

  it("reads reports from before heads were measured", () => {
    const old = JSON.parse(toJSON(sample), (key, value) =>
      key === "head" || (key === "heads" && value === false) ? undefined : value,
    );
    expect(JSON.stringify(old)).not.toContain('"head":');
    expect(parseReport(JSON.stringify(old))).toEqual(sample);
  });

  it("reads reports of version 0.1.0, which had no parts, keys, windows and schema number", () => {
    const { windows: _, words: __, specialTokens: ___, of: ____, ...options } = sample.provenance.options;
    const added = ["part", "key", "accuracy", "relative", "certified"];
    const strip = (entry: Row | LayerFit) => {
      return Object.fromEntries(Object.entries(entry).filter(([name]) => !added.includes(name)));
    };
    const old = {
      provenance: { ...sample.provenance, options },
      rows: sample.rows.map(strip),
      fits: sample.fits.map(strip),
      complete: false,
    };
    const read = parseReport(JSON.stringify(old));
    const unknown = { key: null, accuracy: null, relative: null, certified: null };
    expect(read.rows).toEqual(sample.rows.map((row) => ({ ...row, ...unknown })));
    expect(read.fits).toEqual(sample.fits);
    expect(read.provenance.options).toEqual({ ...sample.provenance.options, windows: "first" });
  });

  it("refuses a report of a later form, and says what to do", () => {
    const later = JSON.stringify({ ...sample, schema: 3 });
    expect(() => parseReport(later)).toThrow(/"report.schema": expected a number up to 2, got 3: .* update howsmooth/);
  });

  it("drops keys that it doesn't know", () => {
    const later = JSON.stringify({ ...sample, extra: 1, __proto__: { polluted: true } });
    expect(parseReport(later)).toEqual(sample);
  });

  const wrong: [string, path: string, value: unknown, typeof RangeError | typeof TypeError, string][] = [
    ["a missing part", "rows", undefined, TypeError, '"report.rows": expected an array, got undefined'],
    ["a row that is null", "rows.1", null, TypeError, '"report.rows[1]": expected an object, got null'],
    ["a text for a number", "rows.3.sigma", "1", TypeError, '"report.rows[3].sigma"'],
    ["a negative head", "rows.0.head", -1, RangeError, '"report.rows[0].head"'],
    ["a negative sigma", "rows.0.sigma", -1, RangeError, '"report.rows[0].sigma"'],
    ["lower above upper", "rows.0.lower", 99, RangeError, '"report.rows[0].lower": expected at most upper, 0.52'],
    ["an unknown status", "rows.0.status", "fine", RangeError, '"report.rows[0].status"'],
    ["a failed row with a sigma", "rows.5.sigma", 1, TypeError, '"report.rows[5].sigma"'],
    ["a fractional layer", "rows.0.layer", 0.5, RangeError, '"report.rows[0].layer"'],
    ["an interval of one end", "fits.0.interval", [1], RangeError, '"report.fits[0].interval"'],
    ["complete as a number", "complete", 1, TypeError, '"report.complete"'],
    ["a device we don't know", "provenance.runtime.device", "tpu", RangeError, '"report.provenance.runtime.device"'],
    ["a hash that is no text", "provenance.model.files", { a: 1 }, TypeError, '"report.provenance.model.files.a"'],
    [
      "a hash of a file with a long name",
      "provenance.model.files",
      { ["a".repeat(1e4)]: 1 },
      TypeError,
      `"report.provenance.model.files.${"a".repeat(57)}..."`,
    ],
  ];
  it.each(wrong)("refuses %s and names the place", (_, path, value, kind, message) => {
    const read = () => parseReport(JSON.stringify(replaced(sample, path.split("."), value)));
    expect(read).toThrow(kind);
    expect(read).toThrow(message);
  });

  it("throws TypeError or RangeError, and nothing else, on any JSON and on damaged text", () => {
    const tamed = (text: string) => {
      try {
        parseReport(text);
      } catch (error) {
        if (!(error instanceof TypeError && error.message.startsWith('"report')) && !(error instanceof RangeError))
          throw error;
      }
    };
    const text = toJSON(sample);
    fc.assert(fc.property(fc.json(), tamed));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(20), fc.string({ maxLength: 5 }), (at, cut, insert) =>
        tamed(text.slice(0, at) + insert + text.slice(at + cut)),
      ),
    );
    tamed("[".repeat(1e6));
    expect(() => parseReport("{")).toThrow(/"report": expected JSON/);
  });
});

/** A copy in which the entry at `path` is `value`. */
function replaced(whole: unknown, [key, ...rest]: string[], value: unknown): unknown {
  const copy = structuredClone(whole) as Record<string, unknown>;
  copy[key] = rest.length === 0 ? value : replaced(copy[key], rest, value);
  return copy;
}
