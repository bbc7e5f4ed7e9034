// A progress bar with the time left, on one line of a terminal. It steps aside for other output on the same terminal,
// which is why it is not a package: those restore the cursor over the rows of the table.
import { visible } from "../base/visible.js";
import type { Output } from "./io.js";

export interface Progress {
  /** `fraction` of the work is done; `label` says what was last. */
  show(fraction: number, label: string): void;
  /** A line without a bar, in its place. */
  say(label: string): void;
  /** Takes the bar away; the next `show` draws it again. */
  clear(): void;
}

const barWidth = 24;

/** Draws on `stream` if that is a terminal, and does nothing otherwise. The time left counts from the first `show`. */
export function createProgress(stream: Output, now: () => number): Progress {
  if (!stream.isTTY) return { show() {}, say() {}, clear() {} };
  let start: number | undefined;
  let drawn = false;
  const control = (sequence: string) => (stream.control ? stream.control(sequence) : stream.write(sequence));
  const draw = (line: string) => {
    control(`\r\x1b[K${visible(line).slice(0, (stream.columns || 80) - 1)}`);
    drawn = true;
  };
  return {
    say: draw,
    show(fraction, label) {
      start ??= now();
      const filled = Math.round(barWidth * fraction);
      const bar = "=".repeat(filled) + " ".repeat(barWidth - filled);
      const left = fraction > 0 ? `  ${formatDuration(((now() - start) * (1 - fraction)) / fraction)} left` : "";
      draw(`[${bar}] ${String(Math.floor(100 * fraction)).padStart(3)} %  ${label}${left}`);
    },
    clear() {
      if (drawn) control("\r\x1b[K");
      drawn = false;
    },
  };
}

/** 4 s, 1:05, 2:00:09. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const pad = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${pad(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}`;
}
