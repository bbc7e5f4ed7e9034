// What a run of the device tests tells of itself, in this order.
export type SuiteEvent =
  | { event: "collected"; tests: { id: string; name: string; skipped: boolean }[] }
  /** No errors: it passed. */
  | { event: "result"; id: string; errors: string[] }
  /** Of files that could not be loaded and of hooks that failed. */
  | { event: "end"; failures: string[] };
