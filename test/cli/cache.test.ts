import { spawn } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { cacheFolder, DiskCache } from "../../src/cli/cache.js";
import { networkOptions } from "../../src/cli/network.js";
import { WebSource } from "../../src/models/files/web/webSource.js";
import { expectBytes, noise } from "../models/sources/bytes.js";
import { serve } from "../models/sources/server.js";
import { temporaryFolder } from "./harness.js";

const bytes = noise(100_000);
const key = "http://example.org/model.safetensors\n1";

async function newCache() {
  const folder = join(await temporaryFolder(), "some", "where");
  const warnings: string[] = [];
  return { folder, warnings, cache: new DiskCache(folder, (message) => warnings.push(message)) };
}

/** The paths of what the cache holds. */
function entries(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

describe("the folder", () => {
  it("is HOWSMOOTH_CACHE, else in the user's cache folder", () => {
    expect(cacheFolder({ HOWSMOOTH_CACHE: "/a/b", XDG_CACHE_HOME: "/c" })).toBe("/a/b");
    expect(cacheFolder({ HOWSMOOTH_CACHE: "here" })).toBe(join(process.cwd(), "here"));
    expect(cacheFolder({ XDG_CACHE_HOME: "/c" })).toBe("/c/howsmooth");
    expect(cacheFolder({ XDG_CACHE_HOME: "relative", HOWSMOOTH_CACHE: "" })).toBe(join(homedir(), ".cache/howsmooth"));
  });

  it("is made when something is kept, not before", async () => {
    const { folder, cache } = await newCache();
    expect(await cache.read(key, 0, 10)).toBeUndefined();
    expect(() => readdirSync(folder)).toThrow(/ENOENT/);
    await cache.write(key, 0, bytes);
    expect(entries(folder).length).toBe(1);
  });
});

describe("the environment", () => {
  it("names the hub, the token and the cache", () => {
    const stderr = { write: () => undefined };
    const { hub, token, cache } = networkOptions({ env: { HF_ENDPOINT: "http://mirror", HF_TOKEN: "hf_x\n" }, stderr });
    expect({ hub, token }).toEqual({ hub: "http://mirror", token: "hf_x" });
    expect(cache).toBeInstanceOf(DiskCache);
    expect(networkOptions({ env: { HF_TOKEN: " " }, stderr })).toMatchObject({ hub: undefined, token: undefined });
    expect(() => networkOptions({ env: { HF_ENDPOINT: "huggingface.co" }, stderr })).toThrow(/^HF_ENDPOINT: expected/);
    expect(() => networkOptions({ env: { HF_TOKEN: "hf_x hf_y" }, stderr })).toThrow(/^HF_TOKEN: expected (?!.*hf_x)/);
  });
});

describe("entries", () => {
  it("come back as they were, by key and range", async () => {
    const { folder, cache } = await newCache();
    await cache.write(key, 500, bytes);
    const again = new DiskCache(folder, expect.fail);
    const held = (await again.read(key, 500, 500 + bytes.length))!;
    expectBytes(held, bytes);
    expect(held.buffer.byteLength).toBe(bytes.length);
    expect(await again.read(key, 0, bytes.length)).toBeUndefined();
    expect(await again.read(key, 500, 499 + bytes.length)).toBeUndefined();
    expect(await again.read(`${key}0`, 500, 500 + bytes.length)).toBeUndefined();
  });

  it.each<[string, (path: string) => void]>([
    ["cut short", (path) => truncateSync(path, 50_000)],
    ["emptied", (path) => truncateSync(path, 0)],
    ["longer", (path) => writeFileSync(path, "x", { flag: "a" })],
    [
      "changed in one bit",
      (path) => {
        const content = readFileSync(path);
        content[77] ^= 1;
        writeFileSync(path, content);
      },
    ],
  ])("that are %s are deleted, and fetched again", async (_, damage) => {
    const { folder, warnings, cache } = await newCache();
    const server = await serve({ file: noise(300_000) });
    const read = () =>
      new WebSource(server.url, { patience: { stallTimeout: 2000, retries: 0, backoff: 0 } }, cache).read(
        "file",
        100_000,
        200_000,
      );
    const good = await read();
    const [path, ...others] = entries(folder);
    expect(others).toEqual([]);
    damage(path);
    server.log.length = 0;
    expectBytes(await read(), good);
    expect(server.log.map(({ range }) => range)).toContainEqual([100_000, 200_000]);
    server.log.length = 0;
    expectBytes(await read(), good);
    expect(server.log.length).toBe(1);
    expect(warnings).toEqual([]);
  });

  it("leave nothing under a temporary name", async () => {
    const { folder, cache } = await newCache();
    await Promise.all(Array.from({ length: 20 }, () => cache.write(key, 0, bytes)));
    expect(entries(folder).map((path) => path.split("/").at(-1))).toEqual(["0-100000"]);
  });
});

describe("a folder that can't be used", () => {
  it("is spoken of once, and done without", async () => {
    const parent = await temporaryFolder();
    writeFileSync(join(parent, "file"), "");
    const warnings: string[] = [];
    const cache = new DiskCache(join(parent, "file", "cache"), (message) => warnings.push(message));
    await cache.write(key, 0, bytes);
    await cache.write(key, 1, bytes);
    expect(await cache.read(key, 0, 10)).toBeUndefined();
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toMatch(/^the cache in .*file\/cache can't be used \(.*ENOTDIR.*\); going on without it$/);
  });

  it.skipIf(process.getuid?.() === 0)("for want of permission (not testable as root)", async () => {
    const { folder, warnings, cache } = await newCache();
    await cache.write(key, 0, bytes);
    chmodSync(folder, 0o500);
    await cache.write("another", 0, bytes);
    chmodSync(folder, 0o700);
    expect(warnings.length).toBe(1);
  });

  it("on a file system that takes none", async () => {
    const warnings: string[] = [];
    await new DiskCache("/proc/howsmooth/cache", (message) => warnings.push(message)).write(key, 0, bytes);
    expect(warnings.length).toBe(1);
  });
});

describe("two processes on one cache", () => {
  // Each writes and reads the same entries over and over, and deletes some as if they were damaged.
  const script = `
    import { rmSync } from "node:fs";
    import { createHash } from "node:crypto";
    import { DiskCache } from "./cache.mjs";
    const cache = new DiskCache(process.argv[2], (message) => { throw new Error(message); });
    let hits = 0;
    for (let round = 0; round < 150; round++) {
      const bytes = new Uint8Array(20000).fill(round % 5);
      const key = "entry " + (round % 5);
      await cache.write(key, 0, bytes);
      const held = await cache.read(key, 0, bytes.length);
      if (held && Buffer.compare(held, bytes) !== 0) throw new Error("wrong bytes in round " + round);
      if (held) hits++;
      const folder = createHash("sha256").update(key).digest("hex");
      if (round % 7 === 0) rmSync(process.argv[2] + "/" + folder + "/0-20000", { force: true });
    }
    console.log(hits);
  `;

  it("never see half an entry, nor each other's mistakes", async () => {
    const folder = await temporaryFolder();
    const source = readFileSync(new URL("../../src/cli/cache.ts", import.meta.url), "utf8");
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(join(folder, "cache.mjs"), ts.transpileModule(source, { compilerOptions }).outputText);
    writeFileSync(join(folder, "run.mjs"), script);
    const held = join(folder, "held");
    const run = () =>
      new Promise<{ code: number | null; output: string }>((resolve) => {
        const child = spawn(process.execPath, [join(folder, "run.mjs"), held]);
        let output = "";
        child.stdout.on("data", (text) => (output += text));
        child.stderr.on("data", (text) => (output += text));
        child.on("close", (code) => resolve({ code, output }));
      });
    for (const { code, output } of await Promise.all([run(), run()])) {
      expect(output).toMatch(/^\d+\n$/);
      expect(code).toBe(0);
      expect(Number(output)).toBeGreaterThan(75);
    }
    expect(entries(held).filter((path) => path.endsWith(".tmp"))).toEqual([]);
    rmSync(held, { recursive: true });
  });
});
