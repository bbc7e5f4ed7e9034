// One file on a server: what is known of it, its first bytes, and the filling of pieces of it whatever befalls.
import { ModelError } from "../../../base/errors.js";
import { platform } from "./platform.js";
import type { RangeAnswer } from "./rangeAnswer.js";
import { type Client, requestRange } from "./request.js";
import { persist } from "./retry.js";
import { type Filling, scatter } from "./spans.js";

/** The first request brings these along: all of a small file, and the header of most checkpoints. */
const headBytes = 2 ** 16;
/** A file whose length the server doesn't tell is held whole, up to this. */
const largestUnannounced = 2 ** 26;
/** So long a body that can't be asked for by ranges is kept waiting for the next piece, in milliseconds. */
const patienceOfStream = 5000;

/** Told of bytes that are on their way, and of those that came. */
export type OnTransfer = (expected: number, received: number) => void;

export class RemoteFile {
  readonly version: string | undefined;
  readonly sha256: string | undefined;
  readonly commit: string | undefined;
  /** Whether pieces can be had without what lies before them. */
  readonly ranged: boolean;
  readonly #client: Client;
  readonly #onTransfer: OnTransfer;
  #waiting: { answer: RangeAnswer; timer: unknown } | undefined;
  readonly #drop = () => this.#takeWaiting()?.close();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly url: string,
    readonly size: number,
    /** The bytes from 0 on. */
    readonly head: Uint8Array,
    answer: RangeAnswer,
    client: Client,
    onTransfer: OnTransfer,
  ) {
    this.version = answer.version;
    this.sha256 = answer.sha256;
    this.commit = answer.commit;
    this.ranged = answer.ranged;
    this.#client = client;
    this.#onTransfer = onTransfer;
  }

  /**
   * @returns undefined if there is no such file
   * @throws ModelError naming the URL
   */
  static async open(url: string, client: Client, onTransfer: OnTransfer): Promise<RemoteFile | undefined> {
    const fail = (problem: string) => new ModelError(`${url}: ${problem}`, url);
    const attempt = async () => {
      const answer = await requestRange(url, 0, headBytes, client);
      if (!answer) return undefined;
      const limit = answer.total === undefined ? largestUnannounced + 1 : Math.min(answer.total, headBytes);
      const head = await collect(answer, limit);
      if (head.length > largestUnannounced) {
        answer.close();
        throw fail(`the server tells no length, and the file is longer than ${largestUnannounced} bytes`);
      }
      onTransfer(head.length, head.length);
      const file = new RemoteFile(url, answer.total ?? head.length, head, answer, client, onTransfer);
      await file.#setAside(answer);
      return file;
    };
    return persist(attempt, client.patience, fail, client.signal);
  }

  /**
   * Fills the pieces, sorted, none empty, by one transfer, which is resumed where it breaks off.
   * @throws ModelError where it can't be completed
   */
  fill(pieces: readonly Filling[]): Promise<void> {
    if (this.ranged) return this.#fill(pieces);
    const turn = this.#last.then(() => this.#fill(pieces));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #fill(pieces: readonly Filling[]): Promise<void> {
    let position = pieces[0].start;
    const end = pieces.reduce((reach, piece) => Math.max(reach, piece.end), 0);
    const attempt = async (progressed: (bytes: number) => void) => {
      const answer = await this.#answerFrom(position, end);
      this.#onTransfer(end - answer.at, 0);
      try {
        while (position < end) {
          const at = answer.at;
          const chunk = await answer.next(end);
          if (!chunk) break;
          scatter(chunk, at, pieces);
          this.#onTransfer(0, chunk.length);
          progressed(Math.max(answer.at - position, 0));
          position = Math.max(position, answer.at);
        }
      } finally {
        this.#onTransfer(answer.at - end, 0);
      }
      await this.#setAside(answer);
      if (position < end && !answer.ranged) throw this.#fail(`ended at byte ${position} of ${this.size}`);
    };
    const { patience, signal } = this.#client;
    // More than one, where the server answers with a part of the range: it may.
    while (position < end) await persist(attempt, patience, (problem) => this.#fail(problem), signal);
  }

  async #answerFrom(position: number, end: number): Promise<RangeAnswer> {
    const waiting = this.#takeWaiting();
    if (waiting && waiting.at <= position) return waiting;
    waiting?.close();
    const answer = await requestRange(this.url, position, end, this.#client);
    if (!answer) throw this.#fail("no longer there; start again");
    const sameSize = answer.total === undefined || answer.total === this.size;
    const sameVersion = !answer.version || !this.version || answer.version === this.version;
    if (sameSize && sameVersion) return answer;
    answer.close();
    throw this.#fail(
      `changed on the server while it was read (${this.size} bytes, ${this.version ?? "no ETag"}; ` +
        `now ${answer.total} bytes, ${answer.version ?? "no ETag"}); start again`,
    );
  }

  /** A body that can't be asked for by ranges goes on where the next piece begins, if that comes soon. */
  async #setAside(answer: RangeAnswer): Promise<void> {
    if (this.ranged || answer.at >= this.size) return answer.finish();
    const { signal } = this.#client;
    if (signal?.aborted) return answer.close();
    signal?.addEventListener("abort", this.#drop);
    const timer = platform.setTimeout(this.#drop, patienceOfStream);
    this.#waiting = { answer, timer };
  }

  #takeWaiting(): RangeAnswer | undefined {
    if (!this.#waiting) return undefined;
    const { answer, timer } = this.#waiting;
    platform.clearTimeout(timer);
    this.#client.signal?.removeEventListener("abort", this.#drop);
    this.#waiting = undefined;
    return answer;
  }

  #fail(problem: string): ModelError {
    return new ModelError(`${this.url}: ${problem}`, this.url);
  }
}

/** The bytes of an answer up to `limit`, or to its end. */
async function collect(answer: RangeAnswer, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  while (answer.at < limit) {
    const chunk = await answer.next(limit);
    if (!chunk) break;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(answer.at);
  let filled = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes;
}
