// The windows of a sweep: stretches of one stream of tokens.
import { deriveSeed } from "../base/random.js";

/** Where the windows of a length lie: evenly over the whole stream, one after the other from its start, or at random. */
export type WindowRule = "spread" | "first" | "random";

export interface Window {
  n: number;
  sample: number;
  /** The token of the stream at which the window starts. */
  start: number;
  tokens: number[];
}

/** What stands around the tokens of a text, such as [CLS] and [SEP]. */
export interface Frame {
  /** How many tokens it adds. */
  size: number;
  around(tokens: readonly number[]): number[];
}

export interface WindowPlan {
  lengths: readonly number[];
  /** Windows per length. */
  samples: number;
  /** Tokens to put around each window; they count among the n. */
  frame?: Frame;
  rule: WindowRule;
  /** Of the starts of "random". */
  seed: number;
}

/**
 * The windows of each length, none of which runs over the end of the stream. Sample s of S starts at token ⌊s·L/S⌋ of L
 * for "spread" and at token s·n for "first", so that no two of a length overlap; "random" draws each start from the
 * seed, the length and the sample, uniformly over all that fit. With a frame the window is that
 * many text tokens shorter, so that it still has n tokens.
 * @throws RangeError for a stream too short for a length
 */
export function cutWindows(stream: readonly number[], plan: WindowPlan): Window[] {
  const { lengths, samples, frame = { size: 0, around: (tokens) => [...tokens] } } = plan;
  for (const n of lengths) checkRoom(stream.length, n - frame.size, n, plan);
  return lengths.flatMap((n) =>
    Array.from({ length: samples }, (_, sample) => {
      const taken = n - frame.size;
      const start = startOf(stream.length, n, taken, sample, plan);
      return { n, sample, start, tokens: frame.around(stream.slice(start, start + taken)) };
    }),
  );
}

function startOf(room: number, n: number, taken: number, sample: number, { samples, rule, seed }: WindowPlan): number {
  if (rule === "first") return sample * n;
  if (rule === "spread") return Math.floor((sample * room) / samples);
  return deriveSeed(seed, "window", n, sample) % (room - taken + 1);
}

function checkRoom(room: number, taken: number, n: number, { samples, rule }: WindowPlan): void {
  if (taken < 0) {
    throw new RangeError(`"lengths": expected at least ${n - taken}, the special tokens alone, got ${n}`);
  }
  const needed = rule === "random" ? taken : rule === "first" ? (samples - 1) * n + taken : samples * taken;
  if (needed <= room) return;
  const windows = `${samples} ${samples === 1 ? "window" : "windows"} of ${n} tokens`;
  const advice =
    taken <= room && rule !== "random"
      ? "take fewer samples, shorter windows, a longer text, or --windows random, whose windows may overlap"
      : "take shorter windows or a longer text";
  throw new RangeError(`the text has ${room} tokens, ${windows} need ${needed}: ${advice}`);
}
