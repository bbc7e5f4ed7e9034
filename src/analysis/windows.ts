// The windows of a sweep: stretches of one stream of tokens.

export interface Window {
  n: number;
  sample: number;
  /** The token of the stream at which the window starts. */
  start: number;
  tokens: number[];
}

export interface WindowPlan {
  lengths: readonly number[];
  /** Windows per length. */
  samples: number;
  /** Put in front of each window. */
  bosToken?: number;
}

/**
 * Sample s of length n starts at token s·n of the stream, modulo the stream's length, and goes on from the stream's
 * beginning where it meets its end. With `bosToken` that token comes first and the window is one text token shorter,
 * so that it still has n tokens.
 */
export function cutWindows(stream: readonly number[], { lengths, samples, bosToken }: WindowPlan): Window[] {
  const prefix = bosToken === undefined ? [] : [bosToken];
  return lengths.flatMap((n) =>
    Array.from({ length: samples }, (_, sample) => {
      const start = (sample * n) % stream.length;
      const text = Array.from({ length: n - prefix.length }, (_, i) => stream[(start + i) % stream.length]);
      return { n, sample, start, tokens: [...prefix, ...text] };
    }),
  );
}

/** What a report says of windows that did not fit into the stream one after the other; null if all did. */
export function wrapNote(streamLength: number, { lengths, samples, bosToken }: WindowPlan): string | null {
  const span = samples * Math.max(...lengths) - (bosToken === undefined ? 0 : 1);
  if (span <= streamLength) return null;
  return (
    `the text has ${streamLength} tokens, ${samples} windows of ${Math.max(...lengths)} tokens need ${span}: ` +
    "starts are taken modulo the text's length, and a window that meets its end goes on from its beginning"
  );
}
