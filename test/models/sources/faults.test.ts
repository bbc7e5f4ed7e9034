import { describe, expect, it } from "vitest";
import { ModelError } from "../../../src/base/errors.js";
import { WebSource } from "../../../src/models/files/web/webSource.js";
import { expectBytes, noise } from "./bytes.js";
import { answer, cutOff, type Fault, redirect, serve, stall, status, type TestServer, whole } from "./server.js";

const patience = { stallTimeout: 150, retries: 2, backoff: 1 };
const file = "model.safetensors";
const large = noise(400_000);
const [start, end] = [100_000, 300_000];

/** The head is had without trouble; the faults come after it. */
async function readAfterHead(faults: Fault[], client: object = {}): Promise<[TestServer, WebSource]> {
  const server = await serve({ [file]: large });
  const source = new WebSource(server.url, { patience, ...client });
  await source.size(file);
  server.log.length = 0;
  server.next(file, ...faults);
  return [server, source];
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail("it did not fail"),
    (error) => error,
  );
}

const sawRange = (first: number, last: number) => `bytes ${first}-${last}/${large.length}`;

describe("faults that pass", () => {
  const cases: Record<string, Fault[]> = {
    "no answer": [stall(-1)],
    "an answer that stalls before its first byte": [stall(0)],
    "an answer that stalls in the middle": [stall(50_000)],
    "a connection that breaks before its first byte": [cutOff(0)],
    "a connection that breaks in the middle, twice": [cutOff(50_000), cutOff(20_000)],
    "a body that ends early": [answer({}, ({ bytes }) => bytes.subarray(start, start + 1000))],
    "429 twice": [status(429), status(429)],
    "500, 503": [status(500), status(503)],
    "a part of the range, as a server may": [
      answer({ "content-range": sawRange(start, start + 9), "content-length": "10" }, ({ bytes }) =>
        bytes.subarray(start, start + 10),
      ),
    ],
    "the whole file, suddenly": [whole],
    redirects: [redirect(`/${file}`, 301), redirect(file, 307), redirect(`./${file}`, 308)],
  };
  it.each(Object.entries(cases))("%s", async (_, faults) => {
    const [server, source] = await readAfterHead(faults);
    expectBytes(await source.read(file, start, end), large.subarray(start, end));
    expect(server.log.length).toBeGreaterThanOrEqual(faults.length);
  });

  it.each<[string, Fault[]]>([
    ["no answer", [stall(-1)]],
    ["a break in the middle", [cutOff(1000)]],
    ["503", [status(503)]],
  ])("at the first request for a file: %s", async (_, faults) => {
    const server = await serve({ [file]: large });
    server.next(file, ...faults);
    expectBytes(await new WebSource(server.url, { patience }).read(file, 0, 1000), large.subarray(0, 1000));
  });

  it("goes on from the last byte that came", async () => {
    const [server, source] = await readAfterHead([cutOff(50_000)]);
    await source.read(file, start, end);
    const [first, second] = server.log.map(({ range }) => range!);
    expect(first).toEqual([start, end]);
    expect(second[0]).toBeGreaterThan(start);
    expect(second[0]).toBeLessThanOrEqual(start + 50_000);
    expect(second[1]).toBe(end);
  });

  it("without ranges, goes on by reading through again", async () => {
    const server = await serve({ [file]: large });
    const breaking: Fault = ({ bytes, response, send }) => {
      response.writeHead(200, { "content-length": bytes.length });
      send(bytes.subarray(0, 150_000));
      setTimeout(() => response.destroy(), 20);
    };
    server.always(file, whole);
    server.next(file, breaking, breaking);
    const source = new WebSource(server.url, { patience });
    expectBytes(await source.read(file, start, end), large.subarray(start, end));
    expect(server.log.length).toBe(3);
  });

  it("more faults than attempts, if each attempt brings enough", async () => {
    const many = noise(2 ** 20 * 5);
    const server = await serve({ [file]: many });
    const source = new WebSource(server.url, { patience: { ...patience, retries: 1 } });
    await source.size(file);
    const step = 2 ** 20 + 2 ** 18;
    server.next(file, cutOff(step), cutOff(step), cutOff(step));
    expectBytes(await source.read(file, 100_000, many.length), many.subarray(100_000));
  });

  it.each([
    ["seconds", () => "0"],
    ["a date", () => new Date(0).toUTCString()],
  ])("Retry-After in %s goes before the wait of its own", async (_, value) => {
    const [, source] = await readAfterHead([status(429, { "retry-after": value() })], {
      patience: { ...patience, backoff: 1e6 },
    });
    expectBytes(await source.read(file, start, end), large.subarray(start, end));
  });

  it("waits as long as Retry-After says", async () => {
    const [, source] = await readAfterHead([status(503, { "retry-after": "1" })]);
    const before = performance.now();
    await source.read(file, start, end);
    expect(performance.now() - before).toBeGreaterThan(990);
  });
});

describe("faults that don't", () => {
  const right = sawRange(start, end - 1);
  const cases: Record<string, [Fault, RegExp]> = {
    "no answer, ever": [stall(-1), /nothing came for 0\.15 s; gave up after 3 attempts$/],
    "a body that never comes": [stall(0), /nothing came for 0\.15 s; gave up after 3 attempts$/],
    "a connection that always breaks": [cutOff(0), /connection.*; gave up after 3 attempts$/],
    "a body that is always empty": [
      answer({}, () => new Uint8Array(0)),
      /the connection ended at byte 100000 of 300000; gave up after 3 attempts$/,
    ],
    "429, always": [status(429), /too many requests \(429\); gave up after 3 attempts$/],
    "a wait that is too long": [
      status(429, { "retry-after": "3600" }),
      /too many requests \(429\), and asks to wait 3600 s; try again then$/,
    ],
    "503, always": [status(503), /the server failed \(503\); gave up after 3 attempts$/],
    "400": [status(400), /the server answered 400$/],
    "401": [status(401), /access refused \(401\); it is private or gated.*token.*HF_TOKEN/],
    "403": [status(403), /access refused \(403\); it is private or gated.*token/],
    "404, suddenly": [status(404), /no longer there; start again$/],
    "416": [status(416), /shorter than it was \(416\)/],
    "206 without Content-Range": [
      ({ response }) => response.writeHead(206).end("x"),
      /asked for bytes 100000-299999, the server answered 206 with Content-Range ""/,
    ],
    "a Content-Range that is none": [answer({ "content-range": "lines 1-2/3" }), /with Content-Range "lines 1-2\/3"/],
    "a Content-Range of unknown total": [
      answer({ "content-range": `bytes ${start}-${end - 1}/*` }),
      /with Content-Range/,
    ],
    "a Content-Range of 2^70": [
      answer({ "content-range": `bytes ${start}-${2n ** 70n}/${2n ** 71n}` }),
      /with Content-Range/,
    ],
    "another range, in front": [
      answer({ "content-range": sawRange(0, end - start - 1) }),
      /asked for bytes 100000-299999, the server answered bytes 0-199999\/400000$/,
    ],
    "another range, beyond": [
      answer({ "content-range": sawRange(start, end) }),
      /the server answered bytes 100000-300000/,
    ],
    "a range beyond the end of the file": [
      answer({ "content-range": `bytes ${start}-${end - 1}/200000` }),
      /the server answered bytes 100000-299999\/200000$/,
    ],
    "a range the wrong way round": [
      answer({ "content-range": sawRange(start, start - 5) }),
      /the server answered bytes/,
    ],
    "a length that isn't the range's": [
      answer({ "content-range": right, "content-length": "7" }, ({ bytes }) => bytes.subarray(0, 7)),
      /announced 7 bytes for bytes 100000-299999\/400000, which has 200000$/,
    ],
    "more bytes than announced": [
      answer({}, ({ bytes }) => bytes.subarray(start, end + 1)),
      /sent more than it announced, up to byte 300000$/,
    ],
    "another size": [
      answer({ "content-range": `bytes ${start}-${end - 1}/500000` }),
      /changed on the server while it was read \(400000 bytes, .*; now 500000 bytes, no ETag\)/,
    ],
    "another version": [
      answer({ "content-range": right, etag: '"other"' }),
      /changed on the server while it was read .*now 400000 bytes, "other"/,
    ],
    "a range that is compressed": [answer({ "content-encoding": "gzip" }), /a range encoded as gzip/],
    "a web page": [
      ({ response }) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>"),
      /sent a web page instead of a file/,
    ],
    "redirects in a circle": [redirect(`/${file}`), /redirected more than 10 times$/],
    "a redirect to nowhere": [({ response }) => response.writeHead(302).end(), /redirected to nowhere/],
    "a redirect to another protocol": [redirect("ftp://127.0.0.1/x"), /redirected to ftp:\/\/127\.0\.0\.1\/x/],
  };
  it.each(Object.entries(cases))("%s", async (_, [fault, message]) => {
    const [server, source] = await readAfterHead([]);
    server.always(file, fault);
    const failure = await failureOf(source.read(file, start, end));
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toMatch(message);
    expect(failure.message.startsWith(`${server.url}/${file}: `)).toBe(true);
    expect(server.log.length).toBeLessThanOrEqual(11);
  });

  it("a server that isn't there", async () => {
    const source = new WebSource("http://127.0.0.1:9", { patience });
    const failure = await failureOf(source.size(file));
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toMatch(/^http:\/\/127\.0\.0\.1:9\/model\.safetensors: the (server|connection)/);
  });

  it("a port that nobody listens at", async () => {
    const { createServer } = await import("node:net");
    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, "127.0.0.1", () => {
        const { port } = probe.address() as { port: number };
        probe.close(() => resolve(port));
      });
    });
    const failure = await failureOf(new WebSource(`http://127.0.0.1:${port}`, { patience }).size(file));
    expect(failure.message).toMatch(/can't be reached \(.*ECONNREFUSED.*\); is this machine online\?; gave up after 3/);
  });

  it("a length that isn't told, of a file too large to hold", async () => {
    const server = await serve({ [file]: large });
    const megabyte = new Uint8Array(2 ** 20);
    server.always(file, ({ response }) => {
      response.writeHead(200);
      const go = () => {
        if (!response.destroyed) response.write(megabyte, go);
      };
      go();
    });
    const failure = await failureOf(new WebSource(server.url, { patience }).size(file));
    expect(failure.message).toMatch(/tells no length, and the file is longer than 67108864 bytes$/);
  });

  it("a failure is not remembered", async () => {
    const server = await serve({ [file]: large });
    server.next(file, status(401));
    const source = new WebSource(server.url, { patience });
    await expect(source.size(file)).rejects.toThrow(ModelError);
    expect(await source.size(file)).toBe(large.length);
  });
});

describe("an abort", () => {
  const reason = new Error("enough");
  it.each<[string, Fault, object]>([
    ["while nothing comes", stall(-1), { patience: { ...patience, stallTimeout: 60_000 } }],
    ["in the middle of the bytes", stall(1000), { patience: { ...patience, stallTimeout: 60_000 } }],
    ["while it waits to try again", status(503), { patience: { ...patience, backoff: 60_000 } }],
  ])("%s", async (_, fault, client) => {
    const controller = new AbortController();
    const [, source] = await readAfterHead([fault], { ...client, signal: controller.signal });
    const reading = failureOf(source.read(file, start, end));
    setTimeout(() => controller.abort(reason), 50);
    expect(await reading).toBe(reason);
    expect(await failureOf(source.read(file, 0, 1))).toBe(reason);
  });

  it("cuts off a body that waits for the next piece, at once", async () => {
    const controller = new AbortController();
    const server = await serve({ [file]: large });
    const connections: Promise<unknown>[] = [];
    server.always(file, (asked) => {
      connections.push(new Promise((resolve) => asked.response.once("close", resolve)));
      whole(asked);
    });
    const source = new WebSource(server.url, { patience, signal: controller.signal });
    expect(await source.read(file, 0, 10)).toEqual(large.slice(0, 10));
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
    const waiting = timers();
    controller.abort(reason);
    expect(timers()).toBe(waiting - 1);
    await Promise.all(connections);
  });

  it("before the first request sends none", async () => {
    const server = await serve({ [file]: large });
    const source = new WebSource(server.url, { patience, signal: AbortSignal.abort(reason) });
    expect(await failureOf(source.size(file))).toBe(reason);
    expect(server.log).toEqual([]);
  });
});
