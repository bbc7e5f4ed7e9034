// One request under watch: it is cut off when nothing comes for too long, and when the caller aborts.
import { throwIfAborted } from "../../../base/check.js";
import type { AbortSignalLike } from "../../../base/platform.js";
import { platform } from "./platform.js";
import { Fault } from "./retry.js";

export class Connection {
  readonly #controller = new platform.AbortController();
  readonly #stallTimeout: number;
  readonly #callerSignal: AbortSignalLike | undefined;
  readonly #cut = () => this.#controller.abort();
  #stalled = false;

  constructor(stallTimeout: number, callerSignal?: AbortSignalLike) {
    this.#stallTimeout = stallTimeout;
    this.#callerSignal = callerSignal;
    callerSignal?.addEventListener("abort", this.#cut);
    if (callerSignal?.aborted) this.#cut();
  }

  /** For fetch. */
  get signal(): AbortSignalLike {
    return this.#controller.signal;
  }

  /**
   * Waits for one step of the request: its headers, or some bytes.
   * @throws Fault where the network fails or stalls; what the caller aborted with
   */
  async step<T>(promise: Promise<T>): Promise<T> {
    const timer = platform.setTimeout(() => {
      this.#stalled = true;
      this.#cut();
    }, this.#stallTimeout);
    try {
      return await promise;
    } catch (error) {
      this.close();
      throwIfAborted(this.#callerSignal);
      throw new Fault(this.#stalled ? `nothing came for ${this.#stallTimeout / 1000} s` : reasonOf(error));
    } finally {
      platform.clearTimeout(timer);
    }
  }

  /** Ends the request, wherever it is. */
  close(): void {
    this.release();
    this.#cut();
  }

  /** The request has ended by itself. */
  release(): void {
    this.#callerSignal?.removeEventListener("abort", this.#cut);
  }
}

/** Of getting no connection at all, in Node, Deno and Bun; a browser doesn't tell. */
const unreachable = /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)$/;

/** fetch hides why it failed in `cause`. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  const { code = "", message: detail } = cause ?? {};
  const reason = [detail?.includes(code) ? "" : code, detail].filter((text) => text).join(": ") || message;
  if (unreachable.test(code)) return `the server can't be reached (${reason}); is this machine online?`;
  return `the connection failed (${reason})`;
}
