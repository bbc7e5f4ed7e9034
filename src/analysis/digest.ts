// SHA-256 by the platform, for provenance.

interface Platform {
  crypto?: { subtle?: { digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer> } };
  TextEncoder: new () => { encode(text: string): Uint8Array };
}

/** Of the text in UTF-8, in hex; null where there is no crypto.subtle (a page that is not a secure context). */
export async function sha256(text: string): Promise<string | null> {
  const { crypto, TextEncoder } = globalThis as unknown as Platform;
  if (!crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
