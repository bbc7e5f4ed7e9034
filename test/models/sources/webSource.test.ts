import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type ByteCache, type DownloadEvent, WebSource } from "../../../src/models/files/web/webSource.js";
import { expectBytes, noise } from "./bytes.js";
import { serve, whole } from "./server.js";

const patience = { stallTimeout: 2000, retries: 2, backoff: 1 };
const head = 2 ** 16;
const file = "model.safetensors";

async function sourceOf(bytes: Uint8Array, cache?: ByteCache) {
  const server = await serve({ [file]: bytes });
  const events: DownloadEvent[] = [];
  const source = new WebSource(server.url, { patience }, cache, (event) => events.push(event));
  return { server, source, events };
}

const large = noise(2 ** 20);
const slice = (start: number, end: number) => large.slice(start, end);

describe("ranges", () => {
  it("size, and a head that serves small reads by the same request", async () => {
    const { server, source } = await sourceOf(large);
    expect(await source.size(file)).toBe(large.length);
    expectBytes(await source.read(file, 8, 5000), slice(8, 5000));
    expect(server.log.map(({ range }) => range)).toEqual([[0, head]]);
  });

  it("a read behind the head asks for its bytes and no others", async () => {
    const { server, source } = await sourceOf(large);
    expectBytes(await source.read(file, 500_000, 600_000), slice(500_000, 600_000));
    expect(server.log.map(({ range }) => range)).toEqual([
      [0, head],
      [500_000, 600_000],
    ]);
    expect(server.log.reduce((sum, { sent }) => sum + sent, 0)).toBe(head + 100_000);
  });

  it("neighbours read at the same time are fetched together, those far apart alone", async () => {
    const { server, source } = await sourceOf(large);
    await source.size(file);
    server.log.length = 0;
    const ranges = [
      [900_000, 901_000],
      [300_000, 310_000],
      [200_000, 300_000],
      [320_000, 330_000],
    ];
    const reads = await Promise.all(ranges.map(([start, end]) => source.read(file, start, end)));
    for (const [at, [start, end]] of ranges.entries()) expectBytes(reads[at], slice(start, end));
    expect(server.log.map(({ range }) => range).sort()).toEqual([
      [200_000, 330_000],
      [900_000, 901_000],
    ]);
  });

  it("the same bytes twice at once, an empty range, and each result in a buffer of its own", async () => {
    const { source } = await sourceOf(large);
    const [a, b, none] = await Promise.all([
      source.read(file, 100_000, 100_010),
      source.read(file, 100_000, 100_010),
      source.read(file, 7, 7),
    ]);
    expectBytes(a, slice(100_000, 100_010));
    a.fill(0);
    expectBytes(b, slice(100_000, 100_010));
    expect(none.length).toBe(0);
    const first = await source.read(file, 0, 4);
    first.fill(0);
    expectBytes(await source.read(file, 0, 4), slice(0, 4));
  });

  it("an empty file, a missing one, and a read beyond the end", async () => {
    const server = await serve({ empty: new Uint8Array(0), short: noise(100) });
    const source = new WebSource(server.url, { patience });
    expect(await source.size("empty")).toBe(0);
    expect(await source.size("missing")).toBeUndefined();
    await expect(source.read("missing", 0, 1)).rejects.toThrow(`${server.url}/missing: no such file`);
    await expect(source.read("short", 90, 101)).rejects.toThrow(/expected 11 bytes from byte 90 on, got 10/);
    expect(await source.list()).toBeUndefined();
  });

  it("a name is escaped, so that it stays below the address", async () => {
    const server = await serve({ "a%2F..%2F%23b%3F": noise(3) });
    expect(await new WebSource(server.url, { patience }).size("a/../#b?")).toBe(3);
  });

  it("tells of what comes, and hashes what was read whole", async () => {
    const { source, events } = await sourceOf(large);
    expect(await source.sha256(file)).toBeUndefined();
    await source.read(file, 100_000, 200_000);
    expect(events.at(-1)).toEqual({ type: "download", file, loaded: head + 100_000, total: head + 100_000 });
    expect(events.every(({ loaded, total }) => loaded <= total)).toBe(true);
    await source.read(file, 0, large.length);
    expect(await source.sha256(file)).toBe(createHash("sha256").update(large).digest("hex"));
  });
});

describe("a server that ignores ranges", () => {
  it("reads in the order of the file take one pass", async () => {
    const { server, source } = await sourceOf(large);
    server.always(file, whole);
    expect(await source.size(file)).toBe(large.length);
    for (const [start, end] of [
      [100, 200],
      [100_000, 180_000],
      [180_000, 180_001],
      [400_000, 500_000],
    ]) {
      expectBytes(await source.read(file, start, end), slice(start, end));
    }
    expect(server.log.length).toBe(1);
  });

  it("a read of what has gone by starts again", async () => {
    const { server, source } = await sourceOf(large);
    server.always(file, whole);
    expectBytes(await source.read(file, 400_000, 500_000), slice(400_000, 500_000));
    expectBytes(await source.read(file, 100_000, 200_000), slice(100_000, 200_000));
    expect(server.log.length).toBe(2);
  });

  it("many reads at once", async () => {
    const { server, source } = await sourceOf(large);
    server.always(file, whole);
    const starts = [900_000, 100_000, 500_000, 70_000];
    const reads = await Promise.all(starts.map((start) => source.read(file, start, start + 50_000)));
    for (const [at, start] of starts.entries()) expectBytes(reads[at], slice(start, start + 50_000));
    expect(server.log.length).toBe(1);
  });

  it("a small file of which no length is told, or sent compressed", async () => {
    const { server, source } = await sourceOf(large);
    server.always(file, ({ bytes, response }) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(bytes));
    });
    expect(await source.size(file)).toBe(large.length);
    expectBytes(await source.read(file, 300_000, 400_000), slice(300_000, 400_000));
    expect(server.log.length).toBe(1);
  });
});

describe("a cache", () => {
  function mapCache(): ByteCache & { held: Map<string, Uint8Array> } {
    const held = new Map<string, Uint8Array>();
    return {
      held,
      read: async (key, start, end) => held.get(`${key} ${start} ${end}`),
      write: async (key, start, bytes) => void held.set(`${key} ${start} ${start + bytes.length}`, bytes),
    };
  }

  it("is asked first, and given what had to be fetched", async () => {
    const cache = mapCache();
    const { server, source } = await sourceOf(large, cache);
    await source.read(file, 200_000, 300_000);
    const again = new WebSource(server.url, { patience }, cache);
    server.log.length = 0;
    expectBytes(await again.read(file, 200_000, 300_000), slice(200_000, 300_000));
    expect(server.log.map(({ range }) => range)).toEqual([[0, head]]);
  });

  it("keeps versions apart", async () => {
    const cache = mapCache();
    const files = { [file]: large };
    const server = await serve(files);
    await new WebSource(server.url, { patience }, cache).read(file, 200_000, 200_100);
    files[file] = large.map((byte) => 255 - byte);
    const changed = await new WebSource(server.url, { patience }, cache).read(file, 200_000, 200_100);
    expectBytes(changed, files[file].slice(200_000, 200_100));
  });

  it("is given nothing that has no version", async () => {
    const cache = mapCache();
    const { server, source } = await sourceOf(large, cache);
    server.always(file, ({ bytes, start, end, response }) => {
      const range = `bytes ${start}-${end - 1}/${bytes.length}`;
      response.writeHead(206, { "content-range": range }).end(bytes.subarray(start, end));
    });
    expectBytes(await source.read(file, 200_000, 300_000), slice(200_000, 300_000));
    expect(cache.held.size).toBe(0);
  });
});
