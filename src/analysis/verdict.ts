// What a gate says of a report, as it stands in report.json.
import type { Part } from "./parts.js";

/** A row that did not pass. */
export interface Breach extends Part {
  n: number;
  sample: number;
  limit: "fail-above" | "fail-growth";
  decision: "above" | "grown" | "undecided";
  lower: number;
  upper: number;
  /** What `upper` had to be at most: the limit, or the factor times the baseline's lower bound. */
  allowed: number;
}

/** What a gate says of a report. */
export interface Verdict {
  /** Whether every row was measured and passed, and something was judged. */
  passed: boolean;
  failAbove: number | null;
  failGrowth: number | null;
  /** Rows that a limit was held against. */
  judged: number;
  /** Of them, rows of the same content as the baseline's. */
  unchanged: number;
  breaches: Breach[];
}
