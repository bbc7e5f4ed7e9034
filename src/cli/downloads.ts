// What is being fetched, on the progress line.
import type { LoadEvent } from "../models/index.js";
import type { Progress } from "./progress.js";

/** Milliseconds from one drawing to the next: chunks come by the thousand. */
const interval = 100;

/** For `onProgress` of loadModel, during the load and after it, when weights are used. */
export function showDownloads(progress: Progress, now: () => number): (event: LoadEvent) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.type !== "download" || now() - last < interval) return;
    last = now();
    progress.say(`fetching ${event.file}: ${formatBytes(event.loaded)} of ${formatBytes(event.total)}`);
  };
}

/** 512 B, 1.5 kB, 12.3 MB, 4.1 GB. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  // 999.95 would be rounded to 1000.0.
  for (; unit < units.length - 1 && bytes >= (unit === 0 ? 1000 : 999.95); unit++) bytes /= 1000;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
