// Reads report.json back, trusting nothing in it.
import {
  type FailedRow,
  type LayerFit,
  type MeasuredRow,
  type PartName,
  type Provenance,
  partNames,
  type Report,
  type Row,
  type WindowWords,
} from "../analysis/report.js";
import { readSettings } from "../analysis/settings.js";
import type { Breach, Verdict } from "../analysis/verdict.js";
import { wrongKind, wrongValue } from "../base/check.js";
import {
  atLeastZero,
  boolean,
  integer,
  interval,
  list,
  nothing,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Reader,
  record,
  since,
  string,
} from "../base/schema.js";
import type { RuntimeInfo } from "../measure/createRuntime.js";
import type { SpectralNormStatus } from "../spectral/result.js";
import { schemaNumber } from "./json.js";

const statuses = Object.keys({
  converged: true,
  exact: true,
  "step-limit": true,
  "precision-limit": true,
  "zero-operator": true,
} satisfies Record<SpectralNormStatus, true>) as SpectralNormStatus[];

/** Version 0.1.0 called "breakdown" what it had not told from "exact". */
const status: Reader<SpectralNormStatus> = (value, label) =>
  value === "breakdown" ? "exact" : oneOf(...statuses)(value, label);

/** Of a row, a fit, a breach: reports of before heads, and of before parts, were measured name none. */
const part = {
  layer: integer(0),
  part: since<PartName>("attention", oneOf(...partNames)),
  head: since(null, nullable(integer(0))),
};

const place = {
  ...part,
  n: integer(1),
  sample: integer(0),
  start: integer(0),
  key: since(null, nullable(string)),
  radius: nullable(atLeastZero),
  seed: integer(0),
};

const measuredRow = object<MeasuredRow>({
  ...place,
  sigma: atLeastZero,
  accuracy: since(null, nullable(atLeastZero)),
  lower: atLeastZero,
  upper: atLeastZero,
  relative: since(null, nullable(atLeastZero)),
  failureProbability: atLeastZero,
  certified: since(null, nullable(boolean)),
  status,
  steps: integer(0),
  applications: integer(0),
  error: () => undefined,
});

const missing = nothing('in a row of status "failed"');

const failedRow = object<FailedRow>({
  ...place,
  sigma: missing,
  accuracy: () => null,
  lower: missing,
  upper: missing,
  relative: () => null,
  failureProbability: missing,
  certified: () => null,
  status: oneOf("failed"),
  steps: missing,
  applications: missing,
  error: string,
});

const row: Reader<Row> = (value, label) => {
  if ((value as { status?: unknown } | null)?.status === "failed") return failedRow(value, label);
  const read = measuredRow(value, label);
  if (read.lower > read.upper) throw wrongValue(`${label}.lower`, `at most upper, ${read.upper}`, read.lower);
  return read;
};

const fit = object<LayerFit>({
  ...part,
  exponent: number,
  constant: atLeastZero,
  interval,
  r2: number,
  points: integer(3),
  omitted: integer(0),
});

const provenance = object<Provenance>({
  howsmooth: string,
  date: optional(string),
  model: object<Provenance["model"]>({
    source: string,
    files: optional(record(string)),
    architecture: string,
    layers: integer(1),
    width: integer(1),
    heads: integer(1),
    kvHeads: integer(1),
    vocabulary: integer(1),
    context: integer(1),
  }),
  runtime: nullable(
    object<RuntimeInfo>({
      device: oneOf("webgpu", "wasm"),
      requested: oneOf("auto", "webgpu", "wasm"),
      reason: optional(string),
      dtype: oneOf("f32", "f64"),
      simd: optional(oneOf("relaxed", "simd128")),
      threads: integer(1),
      adapter: optional(string),
    }),
  ),
  input: object<Provenance["input"]>({
    kind: oneOf("text", "tokens"),
    sha256: nullable(string),
    tokens: integer(1),
    wrapped: optional(nullable(string)),
  }),
  options: readSettings,
});

const verdict = object<Verdict>({
  passed: boolean,
  failAbove: nullable(atLeastZero),
  failGrowth: nullable(atLeastZero),
  judged: integer(0),
  unchanged: integer(0),
  breaches: list(
    object<Breach>({
      ...part,
      n: integer(1),
      sample: integer(0),
      limit: oneOf("fail-above", "fail-growth"),
      decision: oneOf("above", "grown", "undecided"),
      lower: atLeastZero,
      upper: atLeastZero,
      allowed: atLeastZero,
    }),
  ),
});

const windowWords = object<WindowWords>({ n: integer(1), sample: integer(0), start: integer(0), text: string });

const report = object<Report>({
  provenance,
  rows: list(row),
  fits: list(fit),
  windows: optional(list(windowWords)),
  gate: optional(verdict),
  complete: boolean,
});

/**
 * The report that `toJSON` wrote, now or in an earlier version. Keys that this version doesn't know are dropped.
 * @throws TypeError, RangeError naming the place, as in `"report.rows[3].sigma": expected …, got …`
 * @example
 * const same = parseReport(toJSON(report));
 */
export function parseReport(text: string): Report {
  if (typeof text !== "string") throw wrongKind("report", "the text of a report.json", text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RangeError(`"report": expected JSON: ${(error as Error).message}`);
  }
  checkSchema(value);
  return report(value, "report");
}

/** Version 0.1.0 wrote no number. */
function checkSchema(value: unknown): void {
  const { schema } = object<{ schema: number }>({ schema: since(1, integer(1)) })(value, "report");
  if (schema <= schemaNumber) return;
  throw new RangeError(
    `"report.schema": expected a number up to ${schemaNumber}, got ${schema}: a later version of howsmooth wrote this ` +
      "report; update howsmooth to read it",
  );
}
