// Hands the thread to the host now and then.

/** Milliseconds: a Ctrl-C or a click waits no longer for a long loop than this, beside one step of the loop. */
const interval = 20;
let last = Number.NEGATIVE_INFINITY;

/**
 * Lets the host run its events (a Ctrl-C, a click), which awaiting results that are already there never does. Where the
 * last time is less than 20 ms ago it goes on at once, so that it costs nothing in a tight loop.
 */
export async function turn(): Promise<void> {
  if (Math.abs(Date.now() - last) < interval) return;
  const { setTimeout } = globalThis as unknown as { setTimeout(callback: () => void, ms: number): void };
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  last = Date.now();
}
