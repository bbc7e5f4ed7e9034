import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import type { Measure } from "../../src/analysis/measureRow.js";
import { assembleReport, type PartName, type Provenance, placeOf, type Row } from "../../src/analysis/report.js";
import { type SweepEvent, type SweepOptions, sweep } from "../../src/analysis/sweep.js";
import { deriveSeed } from "../../src/base/random.js";
import { version } from "../../src/base/version.js";
import { fakeMeasure, fakeModel, runtimeInfo } from "./fakes.js";

const text = "The quick brown fox jumps over the lazy dog, and then sleeps in the sun for the whole of the afternoon.";

describe("sweep", () => {
  it("measures layers × lengths × samples in that order, each from its part of the text", async () => {
    const report = await sweep(fakeModel(), { text, layers: [2, 0], lengths: [8, 4], samples: 3 }, fakeMeasure);
    const starts = [0, 34, 68];
    expect(report.complete).toBe(true);
    expect(report.rows.map(({ layer, n, sample, start }) => [layer, n, sample, start])).toEqual(
      [0, 2].flatMap((layer) => [8, 4].flatMap((n) => [0, 1, 2].map((sample) => [layer, n, sample, starts[sample]]))),
    );
    const row = report.rows.find((row) => row.layer === 2 && row.n === 4 && row.sample === 1)!;
    expect(row).toMatchObject({ sigma: 6, lower: 5.994, upper: 6.0600000000000005, failureProbability: 1e-6 });
    expect(row).toMatchObject({ status: "converged", steps: 9, applications: 18 });
    const codes = Array.from(text.slice(34, 38), (letter) => letter.charCodeAt(0) + 1);
    expect(row.radius).toBeCloseTo(Math.hypot(Math.max(...codes), 2), 10);
  });

  it("fits sigma against n for each layer", async () => {
    const { fits } = await sweep(
      fakeModel(),
      { text, lengths: [2, 8, 16, 32], samples: 2, layers: [0, 3] },
      fakeMeasure,
    );
    expect(fits.map(({ layer }) => layer)).toEqual([0, 3]);
    expect(fits[1].exponent).toBeCloseTo(0.5, 10);
    expect(fits[1].constant).toBeCloseTo(4, 10);
    expect(fits[1].points).toBe(8);
  });

  it("derives one seed a row from the seed, the layer, the length and the sample", async () => {
    const options = { text, layers: [0, 1], lengths: [2, 4], samples: 2, seed: 5 };
    const { rows } = await sweep(fakeModel(), options, fakeMeasure);
    for (const row of rows) expect(row.seed).toBe(deriveSeed(5, row.layer, row.n, row.sample));
    expect(new Set(rows.map(({ seed }) => seed)).size).toBe(rows.length);
    const alone = await sweep(fakeModel(), { ...options, layers: [1], lengths: [4] }, fakeMeasure);
    expect(alone.rows).toEqual(rows.filter(({ layer, n }) => layer === 1 && n === 4));
  });

  it("hands rtol, bracket, seed and signal to the measurement", async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    const measure: Measure = (layer, x, options, source) => {
      seen.push(options);
      return fakeMeasure(layer, x, options, source);
    };
    await sweep(
      fakeModel(),
      { text, layers: [0], lengths: [4], samples: 1, rtol: 1e-3, bracket: 0.1, signal },
      measure,
    );
    expect(seen).toEqual([{ signal, rtol: 1e-3, bracket: 0.1, seed: deriveSeed(0, 0, 4, 0) }]);
  });

  it("gives a layer's rows before it walks on to the next layer", async () => {
    const log: string[] = [];
    const onProgress = (event: SweepEvent) => log.push(event.type === "row" ? `row ${event.row.layer}` : event.type);
    await sweep(fakeModel({ log }), { text, layers: [0, 3], lengths: [4], samples: 2, onProgress }, fakeMeasure);
    expect(log).toEqual(["start", "weights 0", "row 0", "row 0", "weights 3", "row 3", "row 3"]);
  });

  it("refuses a text too short for its windows before any work, naming the rule that overlaps", async () => {
    const log: string[] = [];
    const options = { tokens: [10, 20, 30, 40, 50], layers: [0], lengths: [2, 4], samples: 3 };
    for (const windows of ["spread", "first"] as const) {
      await expect(sweep(fakeModel({ log }), { ...options, windows }, fakeMeasure)).rejects.toThrow(
        /the text has 5 tokens, 3 windows of 2 tokens need 6: .*--windows random/,
      );
    }
    await expect(sweep(fakeModel(), { ...options, lengths: [6], windows: "random" }, fakeMeasure)).rejects.toThrow(
      /the text has 5 tokens, 3 windows of 6 tokens need 6: take shorter windows or a longer text/,
    );
    expect(log).toEqual([]);
    const { rows } = await sweep(fakeModel(), { ...options, windows: "random" }, fakeMeasure);
    for (const { n, start } of rows) expect(start + n).toBeLessThanOrEqual(5);
  });

  it("puts the special tokens around each window where it is asked to, and counts them among the n", async () => {
    const around = (ids: readonly number[]) => [201, ...ids, 202];
    const model = fakeModel();
    const framed = { ...model, tokenizer: { ...model.tokenizer!, withSpecialTokens: around } };
    const options = { tokens: [10, 20, 30, 40, 50, 60], layers: [0], lengths: [3, 5], samples: 2 };
    const { rows } = await sweep(framed, { ...options, specialTokens: true }, fakeMeasure);
    expect(rows.map(({ n, start, radius }) => [n, start, radius])).toEqual([
      [3, 0, 203],
      [3, 3, 203],
      [5, 0, 203],
      [5, 3, 203],
    ]);
    const refused = (change: object, of = framed) =>
      sweep(of, { ...options, specialTokens: true, ...change }, fakeMeasure).catch(String);
    expect(await refused({ bos: true })).toMatch(/"specialTokens": expected without bos/);
    expect(await refused({}, model as typeof framed)).toMatch(/this model's tokenizer puts none around a text/);
    expect(await refused({ lengths: [1] })).toMatch(/"lengths": expected at least 2, the special tokens alone, got 1/);
  });

  it("keeps the words of each window where they are asked for", async () => {
    const options = { text, layers: [0, 1], lengths: [4, 8], samples: 2, windows: "first" as const };
    expect((await sweep(fakeModel(), options, fakeMeasure)).windows).toBeUndefined();
    const { windows } = await sweep(fakeModel(), { ...options, words: true }, fakeMeasure);
    expect(windows).toEqual([
      { n: 4, sample: 0, start: 0, text: "The " },
      { n: 4, sample: 1, start: 4, text: "quic" },
      { n: 8, sample: 0, start: 0, text: "The quic" },
      { n: 8, sample: 1, start: 8, text: "k brown " },
    ]);
    const { tokenizer: _, ...mute } = fakeModel();
    await expect(sweep(mute, { ...options, words: true }, fakeMeasure)).rejects.toThrow(/"words": .* no tokenizer/);
  });

  it("keys a row by its input, its layer's weights, head and settings, and by nothing else", async () => {
    const options = { text, layers: [0, 1], lengths: [4, 8], samples: 2, heads: true };
    const model = () => fakeModel({ weights: true, heads: 2 });
    const keys = async (change: Partial<SweepOptions> = {}) => {
      const { rows } = await sweep(model(), { ...options, ...change }, fakeMeasure);
      return new Map(rows.map((row) => [placeOf(row), row.key]));
    };
    const all = await keys();
    expect(new Set(all.values()).size).toBe(all.size);
    for (const key of all.values()) expect(key).toMatch(/^[0-9a-f]{64}$/);
    const few = await keys({ lengths: [8], date: "today", concurrency: 3 });
    for (const [place, key] of few) expect(key).toBe(all.get(place));
    for (const change of [{ seed: 1 }, { rtol: 0.5 }, { bracket: 1 }, { text: text.toUpperCase() }]) {
      for (const [place, key] of await keys(change)) expect(key, place).not.toBe(all.get(place));
    }
  });

  it("refuses a model that reads images, by name", async () => {
    const image = { channels: 3, height: 8, width: 8 };
    const vision = { ...fakeModel(), config: { ...fakeModel().config, image } };
    const options = { tokens: [1, 2, 3, 4], layers: [0], lengths: [2], samples: 1 };
    await expect(sweep(vision, options, fakeMeasure)).rejects.toThrow(/"model": .* reads images; use trace/);
  });

  it("counts the beginning-of-sequence token among the n", async () => {
    const tokens = [10, 20, 30, 40];
    const options = { tokens, layers: [0], lengths: [1, 2], samples: 2, bos: true };
    const { rows, provenance } = await sweep(fakeModel({ bosToken: 99 }), options, fakeMeasure);
    expect(rows.map(({ n, radius }) => [n, radius])).toEqual([
      [1, 100],
      [1, 100],
      [2, 100],
      [2, 100],
    ]);
    expect(provenance.input).toMatchObject({ tokens: 4 });
    const none = { ...fakeModel(), config: { ...fakeModel().config, bosToken: undefined } };
    await expect(sweep(none, options, fakeMeasure)).rejects.toThrow("beginning-of-sequence");
  });

  it("records what the numbers depend on, and no clock", async () => {
    const options = { text, layers: [0], lengths: [4], samples: 1, rtol: 1e-3, runtime: { info: runtimeInfo } };
    const { provenance } = await sweep(fakeModel(), options, fakeMeasure);
    expect(provenance).toEqual({
      howsmooth: version,
      model: {
        source: "fake",
        files: { "config.json": "ab".repeat(32) },
        architecture: "gpt2",
        layers: 4,
        width: 3,
        heads: 1,
        kvHeads: 1,
        vocabulary: 1000,
        context: 64,
      },
      runtime: runtimeInfo,
      input: { kind: "text", sha256: createHash("sha256").update(text).digest("hex"), tokens: 103 },
      options: {
        of: ["attention"] as PartName[],
        ...{ layers: [0], heads: false, lengths: [4], samples: 1, windows: "spread" as const, seed: 0 },
        ...{ rtol: 1e-3, bracket: null, bos: false, specialTokens: false, words: false },
      },
    } satisfies Provenance);
    const dated = await sweep(fakeModel(), { ...options, date: "2024-01-01" }, fakeMeasure);
    expect(dated.provenance.date).toBe("2024-01-01");
  });

  it("records a failing row with its error and goes on", async () => {
    const measure: Measure = async (layer, x, options, source) => {
      if (x.shape[0] === 4) throw new RangeError('"x": expected finite numbers, got NaN at [0, 1]');
      return fakeMeasure(layer, x, options, source);
    };
    const { rows, complete } = await sweep(fakeModel(), { text, layers: [1], lengths: [2, 4, 8], samples: 1 }, measure);
    expect(complete).toBe(true);
    expect(rows.map(({ status }) => status)).toEqual(["converged", "failed", "converged"]);
    expect(rows[1]).toMatchObject({ sigma: null, lower: null, upper: null, steps: null, n: 4 });
    expect(rows[1].error).toBe('"x": expected finite numbers, got NaN at [0, 1]');
    expect(rows[1].radius).toBeGreaterThan(0);
  });

  it("rejects with the signal's reason, in the middle of a row too; the rows so far were delivered", async () => {
    const reason = new Error("enough");
    for (const abortDuring of ["onProgress", "measure"]) {
      const controller = new AbortController();
      const rows: Row[] = [];
      let provenance: Provenance | undefined;
      const onProgress = (event: SweepEvent) => {
        if (event.type === "start") provenance = event.provenance;
        else rows.push(event.row);
        if (rows.length === 3 && abortDuring === "onProgress") controller.abort(reason);
      };
      const measure: Measure = async (layer, x, options, source) => {
        if (rows.length === 3 && abortDuring === "measure") {
          controller.abort(reason);
          throw options.signal!.reason;
        }
        return fakeMeasure(layer, x, options, source);
      };
      const options = { text, lengths: [2, 4], samples: 2, onProgress, signal: controller.signal };
      await expect(sweep(fakeModel(), options, measure)).rejects.toBe(reason);
      expect(rows).toHaveLength(3);
      expect(assembleReport(provenance!, rows, false)).toMatchObject({ complete: false, rows: [{}, {}, {}] });
    }
  });

  it("lets timers and signals of the host run between rows", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("from a timer")), 5);
    const options = { text, lengths: [2], samples: 10000, windows: "random" as const, signal: controller.signal };
    await expect(sweep(fakeModel(), options, fakeMeasure)).rejects.toThrow("from a timer");
  });

  it("measures each head after its whole layer, and lets it go after its last window", async () => {
    const log: string[] = [];
    const options = { text, layers: [0, 2], heads: true, lengths: [2, 4, 8, 16], samples: 2 };
    for (const concurrency of [1, 5]) {
      log.length = 0;
      const { rows, fits } = await sweep(fakeModel({ heads: 2, log }), { ...options, concurrency }, fakeMeasure);
      expect(rows.map(({ layer, head, n, sample }) => [layer, head, n, sample])).toEqual(
        [0, 2].flatMap((layer) =>
          [null, 0, 1].flatMap((head) =>
            [2, 4, 8, 16].flatMap((n) => [0, 1].map((sample) => [layer, head, n, sample])),
          ),
        ),
      );
      expect(rows.find(({ layer, head, n }) => layer === 2 && head === 1 && n === 4)!.sigma).toBeCloseTo(4, 12);
      expect(new Set(rows.map(({ seed }) => seed)).size).toBe(rows.length);
      expect(fits.map(({ layer, head }) => [layer, head])).toEqual(
        [0, 2].flatMap((layer) => [null, 0, 1].map((head) => [layer, head])),
      );
      const gone = log.filter((entry) => entry.startsWith("gone"));
      expect(new Set(gone)).toEqual(new Set(["gone 0 0", "gone 0 1", "gone 2 0", "gone 2 1"]));
      if (concurrency === 1) expect(log.indexOf("gone 0 0")).toBeLessThan(log.indexOf("head 0 1"));
    }
    const whole = await sweep(fakeModel({ heads: 2 }), { ...options, heads: false }, fakeMeasure);
    const all = await sweep(fakeModel({ heads: 2 }), options, fakeMeasure);
    expect(whole.rows).toEqual(all.rows.filter(({ head }) => head === null));
  });

  it("lets go of heads when it is stopped", async () => {
    const log: string[] = [];
    const options = { text, layers: [0], heads: true, lengths: [2], samples: 2, concurrency: 4 };
    const onProgress = (event: SweepEvent) => {
      if (event.type === "row" && event.row.head === 0) throw new Error("enough");
    };
    await expect(sweep(fakeModel({ heads: 2, log }), { ...options, onProgress }, fakeMeasure)).rejects.toThrow();
    expect(log.filter((entry) => entry.startsWith("gone")).length).toBe(
      log.filter((entry) => entry.startsWith("head")).length,
    );
  });

  it("hands out `concurrency` rows at once and gives the same report in whatever order they end", async () => {
    let running = 0;
    let most = 0;
    const measure: Measure = async (layer, x, options, source) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 8 - x.shape[0]));
      running--;
      return fakeMeasure(layer, x, options, source);
    };
    const options = { text, layers: [0, 1], lengths: [2, 4, 8], samples: 2 };
    const together = await sweep(fakeModel(), { ...options, concurrency: 4 }, measure);
    expect(most).toBe(4);
    expect(together).toEqual(await sweep(fakeModel(), options, fakeMeasure));
  });

  const wrong: [string, Partial<SweepOptions> & Record<string, unknown>, RegExp][] = [
    ["neither text nor tokens", { text: undefined }, /either "text" or "tokens"/],
    ["both text and tokens", { tokens: [1] }, /either "text" or "tokens"/],
    ["an empty text", { text: " \n" }, /"text": expected some text/],
    ["an empty array of tokens", { text: undefined, tokens: [] }, /"tokens": expected at least one token/],
    ["a token out of the vocabulary", { text: undefined, tokens: [1, 1000] }, /"tokens\[1\]".*0 to 999, got 1000/],
    ["a layer out of range", { layers: [4] }, /"layers\[0\]": expected an integer from 0 to 3, got 4/],
    ["a layer twice", { layers: [1, 1] }, /"layers".*1 twice/],
    ["no layers", { layers: [] }, /"layers"/],
    ["no lengths", { lengths: undefined }, /"lengths": expected an array/],
    ["a length beyond the context", { lengths: [4, 65] }, /"lengths\[1\]": expected an integer from 1 to 64, got 65/],
    ["a length of zero", { lengths: [0] }, /"lengths\[0\]"/],
    ["no samples", { samples: 0 }, /"samples"/],
    ["a seed that is no integer", { seed: 0.5 }, /"seed"/],
    ["rtol of zero", { rtol: 0 }, /"rtol"/],
    ["a negative bracket", { bracket: -1 }, /"bracket"/],
    ["more samples than can be held", { samples: 1e9 }, /"samples".*from 1 to 100000, got 1000000000/],
    ["an option that it doesn't know", { sample: 3 }, /"options": unknown key "sample"/],
    ["no concurrency", { concurrency: 0 }, /"concurrency": expected an integer of at least 1/],
    ["heads that is no boolean", { heads: 1 as never }, /"heads": expected true or false, got 1/],
    ["a resume that is no report", { resume: 5 as never }, /"resume": expected a report, got 5/],
    [
      "windows by a rule that there is not",
      { windows: "all" as never },
      /"windows": expected one of "spread", "first", "random", got "all"/,
    ],
    [
      "a gate without a limit's number",
      { gate: { failAbove: "5" as never } },
      /"gate.failAbove": expected a finite number/,
    ],
    ["words that are no boolean", { words: 1 as never }, /"words": expected true or false/],
    ["bos that is no boolean", { bos: "yes" as never }, /"bos"/],
  ];
  it.each(wrong)("refuses %s before any work", async (_, change, message) => {
    const log: string[] = [];
    const options = { text, lengths: [4], samples: 1, ...change };
    await expect(sweep(fakeModel({ log }), options, fakeMeasure)).rejects.toThrow(message);
    expect(log).toEqual([]);
  });
});

it("the version is package.json's", () => {
  expect(version).toBe(packageJson.version);
});
