// SHA-256 by the platform, for provenance and for the keys of rows.
import type { RealArray } from "../base/tensor.js";

interface Platform {
  crypto?: { subtle?: { digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer> } };
  TextEncoder: new () => { encode(text: string): Uint8Array };
}

/** Of the text in UTF-8, or of the bytes, in hex; null where there is no crypto.subtle (an insecure page). */
export async function sha256(content: string | Uint8Array): Promise<string | null> {
  const { crypto, TextEncoder } = globalThis as unknown as Platform;
  if (!crypto?.subtle) return null;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Of plain data, numbers in typed arrays by their bytes: the same for the same content, whatever the order of keys.
 * Null where there is no crypto.subtle.
 */
export async function hashOf(data: unknown): Promise<string | null> {
  const text = JSON.stringify(await withHashes(data));
  return sha256(text);
}

/** The data with each typed array replaced by its kind and hash, and keys in order. */
async function withHashes(data: unknown): Promise<unknown> {
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data as RealArray;
    const kind = Object.prototype.toString.call(data);
    // A digest of shared memory is refused: a copy has memory of its own.
    return [kind, await sha256(new Uint8Array(buffer, byteOffset, byteLength).slice())];
  }
  if (data === null || typeof data !== "object") return typeof data === "number" ? ["number", String(data)] : data;
  if (Array.isArray(data)) return Promise.all(data.map(withHashes));
  const entries = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
  return Promise.all(entries.map(async ([key, value]) => [key, await withHashes(value)]));
}
