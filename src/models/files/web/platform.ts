// What is used of fetch and its relatives, by hand-written types, so that nothing here needs those of DOM or Node.
import type { AbortSignalLike } from "../../../base/platform.js";

export interface ResponseLike {
  readonly status: number;
  readonly type: string;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): BodyReader; cancel(): Promise<void> } | null;
}

export interface BodyReader {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
}

interface AbortControllerLike {
  readonly signal: AbortSignalLike;
  abort(): void;
}

export interface ParsedURL {
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

interface Platform {
  fetch(
    url: string,
    options: { headers: Record<string, string>; redirect: "manual" | "follow"; signal: AbortSignalLike },
  ): Promise<ResponseLike>;
  AbortController: new () => AbortControllerLike;
  URL: new (url: string, base?: string) => ParsedURL;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** The global object. */
export const platform = globalThis as unknown as Platform;

/** undefined where `text` is no URL. */
export function parseURL(text: string, base?: string): ParsedURL | undefined {
  try {
    return new platform.URL(text, base);
  } catch {
    return undefined;
  }
}
