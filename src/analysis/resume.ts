// Goes on from an incomplete report: which of its rows stand, once it is known to be of the same sweep.
import { describe, wrongKind } from "../base/check.js";
import { rowSeed } from "./measureRow.js";
import { isMeasured, type MeasuredRow, type Provenance, partOf, placeOf, plannedParts, type Report } from "./report.js";
import type { Window } from "./windows.js";

/** Differences in an error message; a model may have a hundred files, each with its hash. */
const mostNamed = 8;

/**
 * The measured rows of `resume`, by place; it must be of the sweep that `provenance` and `windows` describe. Failed
 * rows are not kept: they are tried again.
 * @throws TypeError, RangeError: the report is of another sweep (naming what differs), or holds a row that
 *   the sweep has not, or one twice
 */
export function keepRows(resume: Report, provenance: Provenance, windows: readonly Window[]): Map<string, MeasuredRow> {
  if (!Array.isArray(resume?.rows)) throw wrongKind("resume", "a report", resume);
  const differences = differencesOf(resume.provenance, provenance, "provenance");
  if (differences.length > 0) {
    const more = differences.length > mostNamed ? ` and ${differences.length - mostNamed} more` : "";
    throw new RangeError(
      `"resume": expected a report of the same sweep, got one that differs in ` +
        `${differences.slice(0, mostNamed).join(", ")}${more}; ` +
        "ask for the same sweep, or start anew without it",
    );
  }
  const { options, model } = provenance;
  const parts = new Set(plannedParts(options, model.heads).map(partOf));
  const starts = new Map(windows.map(({ n, sample, start }) => [`${n} ${sample}`, start]));
  const seen = new Set<string>();
  const kept = new Map<string, MeasuredRow>();
  for (const [at, row] of resume.rows.entries()) {
    const place = placeOf(row);
    const planned =
      parts.has(partOf(row)) &&
      starts.get(`${row.n} ${row.sample}`) === row.start &&
      rowSeed(options.seed, row) === row.seed;
    if (!planned) throw new RangeError(`"resume.rows[${at}]": ${place} is not a row of this sweep`);
    if (seen.has(place)) throw new RangeError(`"resume.rows[${at}]": ${place} is there twice`);
    seen.add(place);
    if (isMeasured(row)) kept.set(place, row);
  }
  return kept;
}

/** Each leaf at which two plain values differ, as in `options.seed (0 there, 1 here)`. */
export function differencesOf(there: unknown, here: unknown, path: string): string[] {
  if (!isObject(there) || !isObject(here)) {
    return Object.is(there, here) ? [] : [`${path} (${describe(there)} there, ${describe(here)} here)`];
  }
  if (Array.isArray(there) && Array.isArray(here)) {
    const [a, b] = [there, here].map((list) => JSON.stringify(list));
    return a === b ? [] : [`${path} (${shorten(a)} there, ${shorten(b)} here)`];
  }
  const keys = new Set([...Object.keys(there), ...Object.keys(here)]);
  return [...keys].flatMap((key) => differencesOf(there[key], here[key], `${path}.${shorten(key)}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object";
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
