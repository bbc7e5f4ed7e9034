// What was fetched of models, kept on disk between runs: one file for each range of bytes, its SHA-256 at its end.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { ByteCache } from "../models/index.js";

/** The folder that HOWSMOOTH_CACHE names, else one in the user's cache folder (XDG base directories). */
export function cacheFolder(env: Record<string, string | undefined>): string {
  if (env["HOWSMOOTH_CACHE"]) return resolve(env["HOWSMOOTH_CACHE"]);
  const xdg = env["XDG_CACHE_HOME"];
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), ".cache"), "howsmooth");
}

/**
 * Safe with many processes at once: an entry is written under a name of its own and then renamed, so that it is whole
 * or not there. One whose length or hash is wrong is deleted, and fetched again.
 */
export class DiskCache implements ByteCache {
  readonly #folder: string;
  readonly #warn: (message: string) => void;
  #usable = true;

  /** @param warn is told, once, why the cache can't be used */
  constructor(folder: string, warn: (message: string) => void) {
    this.#folder = folder;
    this.#warn = warn;
  }

  async read(key: string, start: number, end: number): Promise<Uint8Array | undefined> {
    const path = this.#path(key, start, end);
    try {
      // Before any memory is taken for it.
      const whole = (await stat(path)).size === end - start + hashBytes;
      const bytes = whole ? unseal(await readFile(path)) : undefined;
      if (!bytes) await rm(path, { force: true });
      return bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#giveUp(error as Error);
      return undefined;
    }
  }

  async write(key: string, start: number, bytes: Uint8Array): Promise<void> {
    if (!this.#usable || bytes.length > largestEntry) return;
    const path = this.#path(key, start, start + bytes.length);
    const temporary = `${path}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await makeFolder(dirname(path));
      await writeFile(temporary, [bytes, sha256(bytes)]);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      this.#giveUp(error as Error);
    }
  }

  #path(key: string, start: number, end: number): string {
    return join(this.#folder, createHash("sha256").update(key).digest("hex"), `${start}-${end}`);
  }

  #giveUp({ message }: Error): void {
    if (this.#usable) this.#warn(`the cache in ${this.#folder} can't be used (${message}); going on without it`);
    this.#usable = false;
  }
}

const hashBytes = 32;
/** Node reads less than 2 GiB of a file in one piece. */
const largestEntry = 2 ** 30;

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/** The bytes in front of their hash, in a buffer of their own; undefined if it isn't theirs. */
function unseal(entry: Uint8Array): Uint8Array | undefined {
  const bytes = new Uint8Array(entry.subarray(0, -hashBytes));
  return Buffer.compare(sha256(bytes), entry.subarray(-hashBytes)) === 0 ? bytes : undefined;
}

/** By hand, as Node's own recursive mkdir never ends on some special file systems (/proc). */
async function makeFolder(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make();
  });
}
