// Where the files of a model lie: a narrow view that folders, dropped files and servers offer alike.
import { ModelError } from "../../base/errors.js";
import type { BlobLike, FileLike } from "../../base/platform.js";

export interface FileSource {
  /** For messages: the folder, its URL, or "the files given". */
  readonly name: string;
  /** Names of the files, sorted; undefined where they can't be listed. */
  list(): Promise<string[] | undefined>;
  /** In bytes; undefined if there is no such file. */
  size(file: string): Promise<number | undefined>;
  /** The bytes [start, end) in a buffer of their own; ModelError if they can't be had in full. */
  read(file: string, start: number, end: number): Promise<Uint8Array>;
  /** Of the whole file, in hex; undefined where it would cost more than reading the file once in passing. */
  sha256(file: string): Promise<string | undefined>;
}

/** Files by name. */
export type FileMap = ReadonlyMap<string, BlobLike> | Readonly<Record<string, BlobLike>>;

interface Platform {
  crypto?: { subtle?: { digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer> } };
  TextDecoder: new (encoding: string, options: { fatal: boolean }) => { decode(bytes: Uint8Array): string };
}

/** Larger blobs are not hashed: the platform hashes only what is in memory in one piece. */
const largestHashed = 2 ** 26;

/** Files of a drop or a file input, or blobs by name. */
export class BlobSource implements FileSource {
  readonly name = "the files given";
  readonly #files: ReadonlyMap<string, BlobLike>;

  constructor(files: FileMap | readonly FileLike[]) {
    if (Array.isArray(files)) this.#files = new Map(files.map((file: FileLike) => [file.name, file]));
    else this.#files = files instanceof Map ? files : new Map(Object.entries(files));
  }

  async list(): Promise<string[]> {
    return [...this.#files.keys()].sort();
  }

  async size(file: string): Promise<number | undefined> {
    return this.#files.get(file)?.size;
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    const blob = this.#files.get(file);
    if (!blob) throw new ModelError(`${file}: not among the files given`, file);
    const bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
    if (bytes.length !== end - start) throw shortRead(this, file, start, end, bytes.length);
    return bytes;
  }

  async sha256(file: string): Promise<string | undefined> {
    const size = await this.size(file);
    return size === undefined || size > largestHashed ? undefined : sha256Of(await this.read(file, 0, size));
  }
}

export function shortRead(source: FileSource, file: string, start: number, end: number, got: number): ModelError {
  return new ModelError(
    `${locate(source, file)}: expected ${end - start} bytes from byte ${start} on, got ${got}; the file is truncated`,
    file,
  );
}

/** A file's place, for messages. */
export function locate(source: FileSource, file: string): string {
  return source instanceof BlobSource ? file : `${source.name}/${file}`;
}

/** Throws where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  const { TextDecoder } = globalThis as unknown as Platform;
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** In hex; undefined for more than is hashed, and where the platform doesn't hash. */
export async function sha256Of(bytes: Uint8Array): Promise<string | undefined> {
  const { crypto } = globalThis as unknown as Platform;
  if (!crypto?.subtle || bytes.length > largestHashed) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
