// Reads report.json back, trusting nothing in it.
import type { FailedRow, LayerFit, MeasuredRow, Provenance, Report, Row } from "../analysis/report.js";
import { checkInteger, checkNumber, checkOneOf, wrongKind, wrongValue } from "../base/check.js";
import type { RuntimeInfo } from "../measure/createRuntime.js";

/**
 * The report that `toJSON` wrote. Keys that this version doesn't know are dropped, so that a later version's reports
 * can still be compared.
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
  const report = object("report", value);
  return {
    provenance: parseProvenance(report.at("provenance")),
    rows: list(report.at("rows")).map(parseRow),
    fits: list(report.at("fits")).map(parseFit),
    complete: boolean(report.at("complete")),
  };
}

function parseRow(found: Found): Row {
  const row = object(found.label, found.value);
  const place = {
    layer: integer(row.at("layer"), 0),
    head: head(row.at("head")),
    n: integer(row.at("n"), 1),
    sample: integer(row.at("sample"), 0),
    start: integer(row.at("start"), 0),
    radius: nullable(row.at("radius"), atLeastZero),
    seed: integer(row.at("seed"), 0),
  };
  const status = row.at("status");
  if (status.value === "failed") {
    const failed: FailedRow = {
      ...place,
      sigma: nothing(row.at("sigma")),
      lower: nothing(row.at("lower")),
      upper: nothing(row.at("upper")),
      failureProbability: nothing(row.at("failureProbability")),
      status: "failed",
      steps: nothing(row.at("steps")),
      applications: nothing(row.at("applications")),
      error: string(row.at("error")),
    };
    return failed;
  }
  const measured: MeasuredRow = {
    ...place,
    sigma: atLeastZero(row.at("sigma")),
    lower: atLeastZero(row.at("lower")),
    upper: atLeastZero(row.at("upper")),
    failureProbability: atLeastZero(row.at("failureProbability")),
    status: oneOf("converged", "step-limit", "precision-limit", "zero-operator", "breakdown")(status),
    steps: integer(row.at("steps"), 0),
    applications: integer(row.at("applications"), 0),
  };
  if (measured.lower > measured.upper) {
    throw wrongValue(`${found.label}.lower`, `at most upper, ${measured.upper}`, measured.lower);
  }
  return measured;
}

function parseFit(found: Found): LayerFit {
  const fit = object(found.label, found.value);
  const interval = fit.at("interval");
  const ends = list(interval).map(number);
  if (ends.length !== 2 || ends[0] > ends[1]) throw wrongValue(interval.label, "[low, high]", interval.value);
  return {
    layer: integer(fit.at("layer"), 0),
    head: head(fit.at("head")),
    exponent: number(fit.at("exponent")),
    constant: atLeastZero(fit.at("constant")),
    interval: [ends[0], ends[1]],
    r2: number(fit.at("r2")),
    points: integer(fit.at("points"), 3),
    omitted: integer(fit.at("omitted"), 0),
  };
}

function parseProvenance(found: Found): Provenance {
  const provenance = object(found.label, found.value);
  const model = object(`${found.label}.model`, provenance.at("model").value);
  const input = object(`${found.label}.input`, provenance.at("input").value);
  const options = object(`${found.label}.options`, provenance.at("options").value);
  return {
    howsmooth: string(provenance.at("howsmooth")),
    ...optional("date", provenance.at("date"), string),
    model: {
      source: string(model.at("source")),
      ...optional("files", model.at("files"), hashes),
      architecture: string(model.at("architecture")),
      layers: integer(model.at("layers"), 1),
      width: integer(model.at("width"), 1),
      heads: integer(model.at("heads"), 1),
      kvHeads: integer(model.at("kvHeads"), 1),
      vocabulary: integer(model.at("vocabulary"), 1),
      context: integer(model.at("context"), 1),
    },
    runtime: nullable(provenance.at("runtime"), parseRuntime),
    input: {
      kind: oneOf("text", "tokens")(input.at("kind")),
      sha256: nullable(input.at("sha256"), string),
      tokens: integer(input.at("tokens"), 1),
      wrapped: nullable(input.at("wrapped"), string),
    },
    options: {
      layers: list(options.at("layers")).map((layer) => integer(layer, 0)),
      heads: options.at("heads").value === undefined ? false : boolean(options.at("heads")),
      lengths: list(options.at("lengths")).map((length) => integer(length, 1)),
      samples: integer(options.at("samples"), 1),
      seed: integer(options.at("seed"), 0),
      rtol: nullable(options.at("rtol"), atLeastZero),
      bracket: nullable(options.at("bracket"), atLeastZero),
      bos: boolean(options.at("bos")),
    },
  };
}

function parseRuntime(found: Found): RuntimeInfo {
  const info = object(found.label, found.value);
  return {
    device: oneOf("webgpu", "wasm")(info.at("device")),
    requested: oneOf("auto", "webgpu", "wasm")(info.at("requested")),
    ...optional("reason", info.at("reason"), string),
    dtype: oneOf("f32", "f64")(info.at("dtype")),
    ...optional("simd", info.at("simd"), oneOf("relaxed", "simd128")),
    threads: integer(info.at("threads"), 1),
    ...optional("adapter", info.at("adapter"), string),
  };
}

function hashes(found: Found): Record<string, string> {
  const entries = Object.entries(object(found.label, found.value).all);
  return Object.fromEntries(
    entries.map(([name, hash]) => [name, string({ label: `${found.label}.${shorten(name)}`, value: hash })]),
  );
}

function shorten(name: string): string {
  return name.length > 60 ? `${name.slice(0, 57)}...` : name;
}

/** A value and where it stands. */
interface Found {
  label: string;
  value: unknown;
}

function object(label: string, value: unknown): { all: Record<string, unknown>; at(key: string): Found } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrongKind(label, "an object", value);
  const all = value as Record<string, unknown>;
  return { all, at: (key) => ({ label: `${label}.${key}`, value: Object.hasOwn(all, key) ? all[key] : undefined }) };
}

function list({ label, value }: Found): Found[] {
  if (!Array.isArray(value)) throw wrongKind(label, "an array", value);
  return value.map((entry, at) => ({ label: `${label}[${at}]`, value: entry }));
}

function number({ label, value }: Found): number {
  return checkNumber(label, value);
}

function atLeastZero({ label, value }: Found): number {
  return checkNumber(label, value, 0, Number.POSITIVE_INFINITY, true);
}

function integer({ label, value }: Found, min: number): number {
  return checkInteger(label, value, min);
}

function string({ label, value }: Found): string {
  if (typeof value !== "string") throw wrongKind(label, "a string", value);
  return value;
}

/** Reports from before heads were measured hold none. */
function head(found: Found): number | null {
  return found.value === undefined ? null : nullable(found, (found) => integer(found, 0));
}

function oneOf<T extends string>(...choices: T[]): (found: Found) => T {
  return ({ label, value }) => checkOneOf(label, value, choices);
}

function boolean({ label, value }: Found): boolean {
  if (typeof value !== "boolean") throw wrongKind(label, "true or false", value);
  return value;
}

function nothing({ label, value }: Found): null {
  if (value !== null) throw wrongKind(label, 'null in a row of status "failed"', value);
  return value;
}

function nullable<T>(found: Found, read: (found: Found) => T): T | null {
  return found.value === null ? null : read(found);
}

/** An entry to spread: none where the key is absent. */
function optional<K extends string, T>(key: K, found: Found, read: (found: Found) => T): { [key in K]?: T } {
  return found.value === undefined ? {} : ({ [key]: read(found) } as { [key in K]?: T });
}
