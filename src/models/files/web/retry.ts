// Trying again: what a network's or a server's bad moment stopped is attempted a bounded number of times.
import { throwIfAborted } from "../../../base/check.js";
import type { ModelError } from "../../../base/errors.js";
import type { AbortSignalLike } from "../../../base/platform.js";
import { platform } from "./platform.js";

export interface Patience {
  /** Milliseconds without a byte after which a connection counts as stalled. */
  readonly stallTimeout: number;
  /** Further attempts after a failed one. */
  readonly retries: number;
  /** Milliseconds before the first of them; doubled each time, unless the server says how long to wait. */
  readonly backoff: number;
}

/** A failure that may pass. `wait` is what the server asks for, in milliseconds. */
export class Fault extends Error {
  constructor(
    message: string,
    readonly wait?: number,
  ) {
    super(message);
  }
}

/** No wait is longer, whatever the server asks for. */
const longestWait = 60_000;

/** So many new bytes make up for the failures before: a long download survives more of them than a short one. */
const reassuringBytes = 2 ** 20;

/**
 * Runs `attempt` until it succeeds, fails for good, or has met `retries` + 1 faults.
 * @param attempt tells `progressed` how many new bytes it gained
 * @throws what `fail` makes of the last fault
 */
export async function persist<T>(
  attempt: (progressed: (bytes: number) => void) => Promise<T>,
  { retries, backoff }: Patience,
  fail: (problem: string) => ModelError,
  signal?: AbortSignalLike,
): Promise<T> {
  let faults = 0;
  let gained = 0;
  const progressed = (bytes: number) => {
    gained += bytes;
    if (gained < reassuringBytes) return;
    gained = 0;
    faults = 0;
  };
  for (;;) {
    throwIfAborted(signal);
    try {
      return await attempt(progressed);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults++;
      if (faults > retries) throw fail(`${error.message}; gave up after ${faults} attempt${faults > 1 ? "s" : ""}`);
      const wait = error.wait ?? Math.min(backoff * 2 ** (faults - 1), longestWait);
      if (wait > longestWait) {
        throw fail(`${error.message}, and asks to wait ${Math.ceil(wait / 1000)} s; try again then`);
      }
      await pause(wait, signal);
    }
  }
}

/** Ends early at an abort; persist throws then. */
function pause(milliseconds: number, signal: AbortSignalLike | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      platform.clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = platform.setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
