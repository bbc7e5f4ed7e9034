// What is being fetched, in words, for a line that is written over and over.
import { formatBytes } from "../base/numbers.js";
import type { LoadEvent } from "../models/index.js";

/** Milliseconds from one line to the next: chunks come by the thousand. */
const interval = 100;

/**
 * For `onProgress` of loadModel, during the load and after it, when weights are used.
 * @param now milliseconds of a clock that never goes back
 */
export function tellDownloads(say: (line: string) => void, now: () => number): (event: LoadEvent) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.type !== "download" || now() - last < interval) return;
    last = now();
    say(`fetching ${event.file}: ${formatBytes(event.loaded)} of ${formatBytes(event.total)}`);
  };
}
