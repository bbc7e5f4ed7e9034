import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRuntime, localLipschitz } from "../../src/index.js";
import { loadModel } from "../../src/models/index.js";
import { type Checkpoint, f32, gpt2Checkpoint, gpt2Config, safetensors } from "../models/files.js";
import { partial, serve, status, type TestServer } from "../models/sources/server.js";
import { howsmooth, temporaryFolder } from "./harness.js";

// The attention of layer 1 lies behind the bytes that come with the first request.
const checkpoint: Checkpoint = { padding: f32([2 ** 16], new Float32Array(2 ** 16)), ...gpt2Checkpoint() };
const files = { "config.json": gpt2Config, "model.safetensors": safetensors(checkpoint) };
const base = "owner/name/resolve/main";

async function hub(): Promise<TestServer> {
  return serve(Object.fromEntries(Object.entries(files).map(([name, content]) => [`${base}/${name}`, content])));
}

async function analyze(env: Record<string, string>, model = "owner/name", isTTY = false) {
  const tokens = join(await temporaryFolder(), "tokens.json");
  const { writeFile } = await import("node:fs/promises");
  await writeFile(tokens, "[0, 3, 1, 4, 2, 2, 1, 0]");
  const using = { createRuntime, loadModel, measure: localLipschitz };
  return howsmooth(["analyze", model, "--tokens", tokens, "--layers", "1", "--lengths", "4", "--samples", "1"], {
    using,
    env,
    isTTY,
  });
}

describe("a model of the hub", () => {
  it("is fetched once: the next run takes its weights from the cache, and measures the same", async () => {
    const server = await hub();
    const env = { HF_ENDPOINT: server.url, HF_TOKEN: "hf_secret", HOWSMOOTH_CACHE: await temporaryFolder() };
    const first = await analyze(env);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(server.log.length).toBeGreaterThan(5);
    expect(server.log.every(({ authorization }) => authorization === "Bearer hf_secret")).toBe(true);
    server.log.length = 0;
    expect(await analyze(env)).toEqual(first);
    // What is left is one look at each file for whether it has changed.
    expect(server.log.every(({ range }) => range?.[0] === 0)).toBe(true);
    server.log.length = 0;
    const url = `${server.url}/${base}`;
    expect((await analyze(env, url)).code).toBe(0);
    expect(server.log.every(({ range }) => range?.[0] === 0)).toBe(true);
  });

  it("is seen coming on a terminal, on a line that is gone before anything else is written", async () => {
    const server = await hub();
    const env = { HF_ENDPOINT: server.url, HOWSMOOTH_CACHE: await temporaryFolder() };
    const { code, stderr } = await analyze(env, "owner/name", true);
    expect(code).toBe(0);
    const lines = stderr.split("\r\x1b[K");
    expect(lines[1]).toMatch(/^fetching config\.json: \d+ B of \d+ B$/);
    expect(lines.at(-1)).toBe("");
    const missing = await analyze({ ...env, HF_ENDPOINT: `${server.url}/nowhere` }, "owner/name", true);
    expect(missing.stderr.split("\r\x1b[K").at(-1)).toMatch(/^howsmooth: owner\/name: no such folder, and no model/);
  });

  it("that changes is fetched again", async () => {
    const server = await hub();
    const env = { HF_ENDPOINT: server.url, HOWSMOOTH_CACHE: await temporaryFolder() };
    await analyze(env);
    server.log.length = 0;
    server.always(`${base}/model.safetensors`, (asked) => {
      asked.response.setHeader("x-linked-etag", '"new"');
      partial(asked);
    });
    expect((await analyze(env)).code).toBe(0);
    expect(server.log.some(({ range }) => range![0] > 2 ** 16)).toBe(true);
  });

  it("that is refused: one line, and exit code 1", async () => {
    const server = await hub();
    server.always(`${base}/config.json`, status(401));
    const { code, stdout, stderr } = await analyze({ HF_ENDPOINT: server.url, HOWSMOOTH_CACHE: "/nowhere" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^howsmooth: owner\/name: no such folder, and .*access refused \(401\).*HF_TOKEN\)\n$/);
  });
});
