// A server of files on this machine that logs what it is asked, and misbehaves when told to.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Logged {
  path: string;
  /** The bytes asked for, [start, end). */
  range: [number, number] | undefined;
  authorization: string | undefined;
  /** Bytes of the body that were given to the connection. */
  sent: number;
}

export interface Asked {
  bytes: Uint8Array;
  start: number;
  end: number;
  request: IncomingMessage;
  response: ServerResponse;
  /** Writes a part of the body, and counts it. */
  send(bytes: Uint8Array): void;
}

/** Answers one request in a way of its own. */
export type Fault = (asked: Asked) => void;

export interface TestServer {
  readonly url: string;
  readonly log: Logged[];
  /** The next requests for a file are answered by these in turn, those after them as usual. */
  next(path: string, ...faults: Fault[]): void;
  /** All requests for a file are answered by this. */
  always(path: string, fault: Fault): void;
  /** Requests for a path that were logged. */
  asked(path: string): Logged[];
}

/** Files by path, as in "model/config.json"; objects are sent as JSON. Gone after the test. */
export async function serve(files: Record<string, Uint8Array | object>): Promise<TestServer> {
  const log: Logged[] = [];
  const queued = new Map<string, Fault[]>();
  const standing = new Map<string, Fault>();
  const server = createServer((request, response) => {
    const path = request.url!.slice(1);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const range: [number, number] | undefined = from === undefined ? undefined : [Number(from), Number(to) + 1];
    const logged: Logged = { path, range, authorization: request.headers.authorization, sent: 0 };
    log.push(logged);
    const file = files[path];
    const bytes = file instanceof Uint8Array ? file : new TextEncoder().encode(JSON.stringify(file) ?? "");
    const [start, end] = range ?? [0, bytes.length];
    const send = (part: Uint8Array) => {
      logged.sent += part.length;
      response.write(part);
    };
    const fault = queued.get(path)?.shift() ?? standing.get(path) ?? (file ? partial : status(404));
    fault({ bytes, start, end: Math.min(end, bytes.length), request, response, send });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    next: (path, ...faults) => queued.set(path, faults),
    always: (path, fault) => standing.set(path, fault),
    asked: (path) => log.filter((logged) => logged.path === path),
  };
}

function tagOf(bytes: Uint8Array): string {
  return `"${bytes.length}-${bytes[0]}"`;
}

/** What a good server does. */
export const partial: Fault = ({ bytes, start, end, response, send }) => {
  if (start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const range = `bytes ${start}-${end - 1}/${bytes.length}`;
  response.writeHead(206, { "content-range": range, "content-length": end - start, etag: tagOf(bytes) });
  send(bytes.subarray(start, end));
  response.end();
};

/** What a server does that knows no ranges. Written piece by piece, so that a reader can leave in the middle. */
export const whole: Fault = ({ bytes, response, send }) => {
  response.writeHead(200, { "content-length": bytes.length, etag: tagOf(bytes) });
  const step = 2 ** 14;
  const go = (at: number) => {
    if (response.destroyed) return;
    if (at >= bytes.length) {
      response.end();
      return;
    }
    send(bytes.subarray(at, at + step));
    if (response.writableNeedDrain) response.once("drain", () => go(at + step));
    else setImmediate(go, at + step);
  };
  go(0);
};

export function status(code: number, headers: Record<string, string> = {}): Fault {
  return ({ response }) => response.writeHead(code, headers).end("no");
}

/** A 206 with headers of its own, in front of the right bytes or of `body`. */
export function answer(headers: Record<string, string>, body?: (asked: Asked) => Uint8Array): Fault {
  return (asked) => {
    const { bytes, start, end, response, send } = asked;
    response.writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${bytes.length}`, ...headers });
    send(body ? body(asked) : bytes.subarray(start, end));
    response.end();
  };
}

/** The right answer, of which the connection breaks after `count` bytes. */
export function cutOff(count: number): Fault {
  return ({ bytes, start, end, response, send }) => {
    const range = `bytes ${start}-${end - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": end - start, etag: tagOf(bytes) });
    send(bytes.subarray(start, start + count));
    setTimeout(() => response.destroy(), 20);
  };
}

/** The right answer, of which nothing follows after `count` bytes; no answer at all for a negative count. */
export function stall(count: number): Fault {
  return ({ bytes, start, end, response, send }) => {
    if (count < 0) return;
    const range = `bytes ${start}-${end - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": end - start, etag: tagOf(bytes) });
    response.flushHeaders();
    if (count > 0) send(bytes.subarray(start, start + count));
  };
}

export function redirect(location: string, code = 302, headers: Record<string, string> = {}): Fault {
  return ({ response }) => response.writeHead(code, { location, ...headers }).end();
}
