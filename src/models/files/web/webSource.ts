// The files below a URL as a FileSource: only the bytes asked for are fetched, neighbours together, and kept between
// runs where a cache is given.
import { throwIfAborted } from "../../../base/check.js";
import { ModelError } from "../../../base/errors.js";
import { type FileSource, locate, sha256Of, shortRead } from "../source.js";
import { turns } from "../turns.js";
import { platform } from "./platform.js";
import { RemoteFile } from "./remoteFile.js";
import type { Client } from "./request.js";
import { coalesce, type Piece } from "./spans.js";

/** Bytes that came over the network; `total` grows with what is asked for. Not called for what the cache holds. */
export interface DownloadEvent {
  type: "download";
  file: string;
  loaded: number;
  total: number;
}

/** Bytes kept between runs. `key` stands for one version of one resource. */
export interface ByteCache {
  /** The bytes [start, end); undefined where they are not held, or no longer what they were. */
  read(key: string, start: number, end: number): Promise<Uint8Array | undefined>;
  /** Keeps them if it can; what fails then must not stop a measurement. */
  write(key: string, start: number, bytes: Uint8Array): Promise<void>;
}

interface Request extends Piece {
  resolve(bytes: Uint8Array): void;
  reject(error: unknown): void;
}

/** Bytes between two pieces that are fetched along with them: they take less time than another request. */
const neighbourhood = 2 ** 16;
const transfersAtOnce = 4;

export class WebSource implements FileSource {
  readonly #client: Client;
  readonly #cache: ByteCache | undefined;
  readonly #onProgress: ((event: DownloadEvent) => void) | undefined;
  readonly #files = new Map<string, Promise<RemoteFile | undefined>>();
  readonly #hashes = new Map<string, string>();
  readonly #requests = new Map<string, Request[]>();
  readonly #inTurn = turns(transfersAtOnce);

  /** @param name the URL of the folder, without the slash at its end */
  constructor(
    readonly name: string,
    client: Client,
    cache?: ByteCache,
    onProgress?: (event: DownloadEvent) => void,
  ) {
    this.#client = client;
    this.#cache = cache;
    this.#onProgress = onProgress;
  }

  /** HTTP has no listings. */
  async list(): Promise<undefined> {
    return undefined;
  }

  async size(file: string): Promise<number | undefined> {
    return (await this.#file(file))?.size;
  }

  /** The commit that a revision of the hub stands for, where its answer says so. */
  async commit(file: string): Promise<string | undefined> {
    return (await this.#file(file))?.commit;
  }

  /** Reads asked for at the same time are fetched together where they are neighbours. */
  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    throwIfAborted(this.#client.signal);
    if (start === end) return new Uint8Array(0);
    return new Promise((resolve, reject) => {
      const request = { start, end, resolve, reject };
      const others = this.#requests.get(file);
      if (others) {
        others.push(request);
        return;
      }
      this.#requests.set(file, [request]);
      platform.setTimeout(() => this.#serve(file), 0);
    });
  }

  /** Of a file that was read in one piece; of others as the hub claims it. */
  async sha256(file: string): Promise<string | undefined> {
    return this.#hashes.get(file) ?? (await this.#file(file))?.sha256;
  }

  async #serve(file: string): Promise<void> {
    const requests = this.#requests.get(file)!;
    this.#requests.delete(file);
    try {
      const remote = await this.#file(file);
      if (!remote) throw new ModelError(`${locate(this, file)}: no such file`, file);
      const missing: Request[] = [];
      for (const request of requests) {
        const bytes = await this.#atHand(file, remote, request);
        if (bytes) await this.#deliver(file, remote, request, bytes);
        else missing.push(request);
      }
      // Without ranges, all that lies between two pieces comes along anyway.
      const spans = coalesce(missing, remote.ranged ? neighbourhood : Number.POSITIVE_INFINITY);
      await Promise.all(spans.map((span) => this.#inTurn(() => this.#fetch(file, remote, span))));
    } catch (error) {
      // Those served before have their answer already.
      for (const { reject } of requests) reject(error);
    }
  }

  async #atHand(file: string, remote: RemoteFile, { start, end }: Piece): Promise<Uint8Array | undefined> {
    if (end > remote.size) throw shortRead(this, file, start, end, Math.max(remote.size - start, 0));
    if (end <= remote.head.length) return remote.head.slice(start, end);
    const key = cacheKey(remote);
    return key === undefined ? undefined : this.#cache?.read(key, start, end);
  }

  async #fetch(file: string, remote: RemoteFile, span: readonly Request[]): Promise<void> {
    throwIfAborted(this.#client.signal);
    const filling = span.map((request) => ({ ...request, bytes: allocate(request.end - request.start, file) }));
    await remote.fill(filling);
    const key = cacheKey(remote);
    for (const piece of filling) {
      if (key !== undefined) await this.#cache?.write(key, piece.start, piece.bytes);
      await this.#deliver(file, remote, piece, piece.bytes);
    }
  }

  async #deliver(file: string, remote: RemoteFile, request: Request, bytes: Uint8Array): Promise<void> {
    if (bytes.length === remote.size) {
      const hash = await sha256Of(bytes);
      if (hash !== undefined) this.#hashes.set(file, hash);
    }
    request.resolve(bytes);
  }

  #file(file: string): Promise<RemoteFile | undefined> {
    let opening = this.#files.get(file);
    if (!opening) {
      const url = `${this.name}/${encodeURIComponent(file)}`;
      opening = this.#inTurn(() => RemoteFile.open(url, this.#client, this.#progressOf(file)));
      this.#files.set(file, opening);
      opening.catch(() => this.#files.delete(file));
    }
    return opening;
  }

  #progressOf(file: string): (expected: number, received: number) => void {
    let total = 0;
    let loaded = 0;
    return (expected, received) => {
      total += expected;
      loaded += received;
      if (received > 0) this.#onProgress?.({ type: "download", file, loaded, total });
    };
  }
}

/** Nothing is kept of a file whose versions can't be told apart. */
function cacheKey({ url, version, size }: RemoteFile): string | undefined {
  return version === undefined ? undefined : `${url}\n${version}\n${size}`;
}

/** A length that a server made up must not pass for a wrong argument. */
function allocate(length: number, file: string): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch {
    throw new ModelError(`${file}: ${length} bytes are to be read at once, more than there is memory for`, file);
  }
}
