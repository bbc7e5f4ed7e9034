// The answer to a range request: its headers held against what was asked for, its body as a stream with a position.
import { ModelError } from "../../../base/errors.js";
import type { Connection } from "./connection.js";
import type { BodyReader, ResponseLike } from "./platform.js";
import { Fault } from "./retry.js";

/** What the hub says of a file before it redirects to a store that knows less. */
export interface HubFacts {
  /** An ETag; of large files the SHA-256. */
  linkedTag?: string;
  /** The commit that the revision stands for. */
  commit?: string;
}

export class RangeAnswer {
  /** Whether the server keeps to ranges; otherwise the body is the whole file. */
  readonly ranged: boolean;
  /** Bytes of the whole file; undefined where the server doesn't say. */
  readonly total: number | undefined;
  /** Changes when the file does; undefined where the server doesn't say. */
  readonly version: string | undefined;
  /** As the hub claims it, in hex. */
  readonly sha256: string | undefined;
  readonly commit: string | undefined;
  readonly #connection: Connection;
  readonly #reader: BodyReader | undefined;
  readonly #end: number | undefined;
  #rest: Uint8Array | undefined;
  #at: number;

  /** @throws ModelError for an answer to another question than the one asked */
  constructor(
    readonly url: string,
    asked: { start: number; end: number },
    response: ResponseLike,
    { linkedTag, commit }: HubFacts,
    connection: Connection,
  ) {
    const { status, headers } = response;
    this.ranged = status !== 200;
    const { start, end, total } = extent(response, asked, url);
    this.#at = start;
    this.#end = end;
    this.total = total;
    const tag = linkedTag ?? headers.get("etag") ?? headers.get("last-modified");
    this.version = tag?.replace(/^W\//, "");
    this.sha256 = /^"?([0-9a-f]{64})"?$/.exec(linkedTag ?? "")?.[1];
    this.commit = /^[0-9a-f]{40}$/.exec(commit ?? "")?.[0];
    this.#connection = connection;
    this.#reader = status === 416 ? undefined : response.body?.getReader();
  }

  /** Of the next byte. */
  get at(): number {
    return this.#at;
  }

  /**
   * The next bytes, none at or beyond `limit`; undefined at the end of the body.
   * @throws Fault if the body ends early or stops coming, ModelError if it runs on
   */
  async next(limit: number): Promise<Uint8Array | undefined> {
    let chunk = this.#rest;
    this.#rest = undefined;
    while (!chunk) {
      const { done, value } = this.#reader ? await this.#connection.step(this.#reader.read()) : { done: true };
      if (done) return this.#checkEnd();
      if (value && value.length > 0) chunk = value;
    }
    if (this.#end !== undefined && this.#at + chunk.length > this.#end) throw this.#overrun();
    if (this.#at + chunk.length > limit) {
      this.#rest = chunk.subarray(limit - this.#at);
      chunk = chunk.subarray(0, limit - this.#at);
    }
    this.#at += chunk.length;
    return chunk;
  }

  /** Done with this answer: a body that has been read is seen to end there, any other is cut off. */
  async finish(): Promise<void> {
    if (this.#at !== this.#end || !this.#reader) return this.close();
    // The bytes are here: what befalls the connection now does no harm.
    const { done } = await this.#connection.step(this.#reader.read()).catch(() => ({ done: true }));
    if (!done) throw this.#overrun();
    this.#connection.release();
  }

  /** Cuts the body off. */
  close(): void {
    this.#connection.close();
  }

  #checkEnd(): undefined {
    this.#connection.release();
    if (this.#end === undefined || this.#at === this.#end) return undefined;
    throw new Fault(`the connection ended at byte ${this.#at} of ${this.#end}`);
  }

  #overrun(): ModelError {
    this.close();
    return new ModelError(`${this.url}: the server sent more than it announced, up to byte ${this.#end}`, this.url);
  }
}

interface Extent {
  start: number;
  /** undefined where the body's length is not announced. */
  end: number | undefined;
  total: number | undefined;
}

function extent(response: ResponseLike, asked: { start: number; end: number }, url: string): Extent {
  const { status, headers } = response;
  const fail = (problem: string) => new ModelError(`${url}: ${problem}`, url);
  if (/^text\/html\b/.test(headers.get("content-type") ?? "")) {
    throw fail("the server sent a web page instead of a file; is this the address of a model's files?");
  }
  const encoding = headers.get("content-encoding") ?? "identity";
  const length = headers.get("content-length");
  if (length !== null && !isCount(length)) throw fail(`the server announced a length of ${JSON.stringify(length)}`);
  if (status === 200) {
    const total = encoding === "identity" && length !== null ? Number(length) : undefined;
    return { start: 0, end: total, total };
  }

  const range = headers.get("content-range") ?? "";
  if (status === 416) {
    if (range !== "bytes */0") throw fail("the server answered 416 (no such range) to a request for the first bytes");
    return { start: 0, end: 0, total: 0 };
  }
  if (encoding !== "identity") throw fail(`the server sent a range encoded as ${encoding}, which can't be placed`);
  const question = `bytes ${asked.start}-${asked.end - 1}`;
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(range) ?? [];
  if (![first, last, total].every(isCount)) {
    throw fail(
      `asked for ${question}, the server answered 206 with Content-Range ${JSON.stringify(range)} ` +
        "(a web page sees it only if the server lists it in Access-Control-Expose-Headers)",
    );
  }
  const [start, end, size] = [Number(first), Number(last) + 1, Number(total)];
  if (start !== asked.start || end <= start || end > asked.end || end > size) {
    throw fail(`asked for ${question}, the server answered ${range}`);
  }
  if (length !== null && Number(length) !== end - start) {
    throw fail(`the server announced ${length} bytes for ${range}, which has ${end - start}`);
  }
  return { start, end, total: size };
}

function isCount(text: string | undefined): boolean {
  return text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(Number(text));
}
