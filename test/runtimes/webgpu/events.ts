// What a run of the device tests tells of itself, in this order.
export type SuiteEvent =
  | { event: "collected"; tests: CollectedTest[] }
  /** No errors: it passed. */
  | { event: "result"; id: string; errors: string[] }
  /** Of files that could not be loaded and of hooks that failed. */
  | { event: "end"; failures: string[] };

export interface CollectedTest {
  id: string;
  file: string;
  name: string;
  skipped: boolean;
}
