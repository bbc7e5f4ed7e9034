// A folder on disk. The only place that reaches for node:fs, at run time and by hand-written types, so that
// everything else compiles and bundles for the browser.
import { ModelError } from "../../base/errors.js";
import { type FileSource, locate, shortRead } from "./source.js";
import { turns } from "./turns.js";

interface Stats {
  readonly size: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface FileHandle {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

interface FileSystem {
  open(path: string): Promise<FileHandle>;
  stat(path: string): Promise<Stats>;
  readdir(path: string): Promise<string[]>;
}

interface Crypto {
  createHash(algorithm: "sha256"): { update(bytes: Uint8Array): void; digest(encoding: "hex"): string };
}

/** Whole files above this are not hashed: a second or more, for weights of which a request may read little. */
const largestHashedFile = 2 ** 30;
const chunk = 2 ** 22;
/** The platform reads less than 2³¹ bytes at once. */
const largestRead = 2 ** 30;

/** Whether the platform has a file system. */
export async function hasFolders(): Promise<boolean> {
  return (await platformModule<FileSystem>("node:fs/promises")) !== undefined;
}

/** The folder at `path`, or undefined if there is none; ModelError where the platform has no file system. */
export async function openFolder(path: string): Promise<FolderSource | undefined> {
  const fs = await platformModule<FileSystem>("node:fs/promises");
  if (!fs) throw new ModelError(`${path}: folders can be read in Node, Deno and Bun; here, pass the files themselves`);
  const stats = await statOf(fs, path);
  if (stats && !stats.isDirectory()) throw new ModelError(`${path}: expected a folder, got a file`, path);
  return stats && new FolderSource(path.length > 1 ? path.replace(/\/+$/, "") : path, fs);
}

/** Processes may hold few files open. */
const filesAtOnce = 8;

export class FolderSource implements FileSource {
  readonly #fs: FileSystem;
  readonly #inTurn = turns(filesAtOnce);

  constructor(
    readonly name: string,
    fs: FileSystem,
  ) {
    this.#fs = fs;
  }

  async list(): Promise<string[]> {
    return (await this.#fs.readdir(this.name)).sort();
  }

  async size(file: string): Promise<number | undefined> {
    const stats = await statOf(this.#fs, `${this.name}/${file}`);
    return stats?.isFile() ? stats.size : undefined;
  }

  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    const fill = async (handle: FileHandle) => {
      const bytes = new Uint8Array(end - start);
      let done = 0;
      while (done < bytes.length) {
        const length = Math.min(bytes.length - done, largestRead);
        const { bytesRead } = await handle.read(bytes, done, length, start + done);
        if (bytesRead === 0) throw shortRead(this, file, start, end, done);
        done += bytesRead;
      }
      return bytes;
    };
    return this.#inTurn(() => this.#withOpen(file, fill));
  }

  async sha256(file: string): Promise<string | undefined> {
    const size = await this.size(file);
    const crypto = await platformModule<Crypto>("node:crypto");
    if (!crypto || size === undefined || size > largestHashedFile) return undefined;
    return this.#withOpen(file, async (handle) => {
      const hash = crypto.createHash("sha256");
      const buffer = new Uint8Array(chunk);
      for (let position = 0; ; ) {
        const { bytesRead } = await handle.read(buffer, 0, chunk, position);
        if (bytesRead === 0) return hash.digest("hex");
        hash.update(buffer.subarray(0, bytesRead));
        position += bytesRead;
      }
    });
  }

  async #withOpen<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const handle = await this.#fs.open(`${this.name}/${file}`).catch((error: Error) => {
      throw new ModelError(`${locate(this, file)}: can't be opened (${error.message})`, file);
    });
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  }
}

async function statOf(fs: FileSystem, path: string): Promise<Stats | undefined> {
  try {
    return await fs.stat(path);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ModelError(`${path}: can't be read (${message})`, path);
  }
}

/** A module of the platform, by a name that compilers and bundlers leave alone; undefined where there is none. */
async function platformModule<T>(name: string): Promise<T | undefined> {
  try {
    return (await import(/* @vite-ignore */ name)) as T;
  } catch {
    return undefined;
  }
}
