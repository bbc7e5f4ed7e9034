import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../../src/base/errors.js";
import { parseHubId } from "../../../src/models/files/web/hub.js";
import { type LoadEvent, type LoadOptions, loadModel, type ModelSource } from "../../../src/models/index.js";
import { referenceRuntime } from "../../reference/runtime.js";
import { type Checkpoint, f32, folderOf, gpt2Checkpoint, gpt2Config, safetensors } from "../files.js";
import { partial, redirect, serve, status, whole } from "./server.js";

const network = { stallTimeout: 2000, retries: 1, backoff: 1 };
const commit = "0123456789abcdef0123456789abcdef01234567";
const tokens = [0, 3, 1, 4];

/** Tensors that nothing uses lie before and between those of the model, so that not all comes with the head. */
const padding = () => f32([2 ** 18], new Float32Array(2 ** 18));
const padded: Checkpoint = { padding: padding() };
for (const [name, tensor] of Object.entries(gpt2Checkpoint())) {
  padded[name] = tensor;
  if (name.endsWith("h.0.ln_2.bias")) padded["padding.2"] = padding();
}
const weights = safetensors(padded);
const files = { "config.json": gpt2Config, "model.safetensors": weights };

function at(base: string, contents: Record<string, object> = files): Record<string, object> {
  return Object.fromEntries(Object.entries(contents).map(([name, content]) => [`${base}/${name}`, content]));
}

function load(source: ModelSource, options: Partial<LoadOptions> = {}) {
  return loadModel(source, { runtime: referenceRuntime(), network, ...options });
}

async function firstInputs(source: ModelSource, options: Partial<LoadOptions> = {}, layer = 1) {
  return (await (await load(source, options)).trace(tokens, { layers: [layer] })).get(layer)!;
}

async function refusal(source: ModelSource, options: Partial<LoadOptions> = {}): Promise<string> {
  const failure = await load(source, options).catch((error) => error);
  expect(failure).toBeInstanceOf(ModelError);
  return failure.message;
}

describe("a URL", () => {
  it.each(["/model", "/model/", "/model//"])("of a folder, %s, as a URL and as a string", async (path) => {
    const server = await serve(at("model"));
    const expected = await firstInputs(folderOf(files));
    expect(await firstInputs(new URL(server.url + path))).toEqual(expected);
    expect(await firstInputs(server.url + path)).toEqual(expected);
    expect((await load(server.url + path)).origin.source).toBe(`${server.url}/model`);
  });

  it("of a server without ranges", async () => {
    const server = await serve(at("model"));
    for (const name of Object.keys(files)) server.always(`model/${name}`, whole);
    expect(await firstInputs(`${server.url}/model`)).toEqual(await firstInputs(folderOf(files)));
  });

  it("of a folder on this machine", async () => {
    const folder = folderOf(files);
    expect(await firstInputs(new URL(`file://${folder}/`))).toEqual(await firstInputs(folder));
  });

  it("only the bytes that layer 0 needs are served", async () => {
    const server = await serve(at("model"));
    await firstInputs(`${server.url}/model`, {}, 0);
    const asked = server.asked("model/model.safetensors");
    expect(asked[0].range).toEqual([0, 2 ** 16]);
    // The rows of the two embeddings, and the norm in front of layer 0, lie close together.
    const beyond = asked.slice(1).reduce((sum, { sent }) => sum + sent, 0);
    const needed = ["wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.ln_1.bias"];
    const most = needed.reduce((sum, name) => sum + gpt2Checkpoint()[`transformer.${name}`].bytes.length, 0);
    expect(beyond).toBeGreaterThan(0);
    expect(beyond).toBeLessThanOrEqual(most);
  });

  it("tells of downloads and files, and hashes what it read whole", async () => {
    const server = await serve(at("model"));
    const events: LoadEvent[] = [];
    const model = await load(`${server.url}/model`, { onProgress: (event) => events.push(event) });
    expect(events.filter(({ type }) => type === "file")).toEqual([
      { type: "file", file: "config.json", bytes: JSON.stringify(gpt2Config).length },
      { type: "file", file: "model.safetensors", bytes: weights.length },
    ]);
    expect(events).toContainEqual({ type: "download", file: "model.safetensors", loaded: 2 ** 16, total: 2 ** 16 });
    const loaded = events.length;
    await model.trace(tokens, { layers: [1] });
    expect(events.length).toBeGreaterThan(loaded);
    const hash = createHash("sha256").update(JSON.stringify(gpt2Config)).digest("hex");
    expect(await model.origin.hashes!()).toEqual({ "config.json": hash });
  });

  it("names the URL of what is missing", async () => {
    const server = await serve(at("model", { "config.json": gpt2Config }));
    expect(await refusal(`${server.url}/nothing`)).toBe(
      `${server.url}/nothing/config.json: no such file; a model's folder has one`,
    );
    expect(await refusal(`${server.url}/model`)).toBe(
      `${server.url}/model/model.safetensors: no such file; nor is there model.safetensors.index.json`,
    );
    const pickled = await serve(at("model", { "config.json": gpt2Config, "pytorch_model.bin": new Uint8Array(4) }));
    expect(await refusal(`${pickled.url}/model`)).toMatch(
      /pytorch_model\.bin is a pickle.*from_pretrained\('FOLDER'\)/,
    );
  });

  it.each([
    "ftp://example.org/model",
    "http://user:secret@example.org/model",
    "http://example.org/model?token=secret",
    "https://example.org/model#secret",
  ])("refuses %s without repeating it", async (url) => {
    const failure = await load(url).catch((error) => error);
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure.message).toMatch(/"source": expected an http\(s\) URL without user name/);
    expect(failure.message).not.toContain("secret");
  });
});

describe("an id of the hub", () => {
  it.each<[string, ReturnType<typeof parseHubId>]>([
    ["openai-community/gpt2", { id: "openai-community/gpt2", revision: undefined }],
    ["a.b_c/D-1", { id: "a.b_c/D-1", revision: undefined }],
    ["owner/name@refs/pr/1", { id: "owner/name", revision: "refs/pr/1" }],
    ["name", undefined],
    ["a/b/c", undefined],
    ["../name", undefined],
    ["owner/..", undefined],
    ["owner/.", undefined],
    ["own er/name", undefined],
    ["owner/name@", undefined],
  ])("%s", (text, expected) => {
    expect(parseHubId(text)).toEqual(expected);
  });

  it("is looked for at the hub's address, in the main revision", async () => {
    const server = await serve(at("mirror/owner/name/resolve/main"));
    const model = await load("owner/name", { hub: `${server.url}/mirror/` });
    expect(model.origin.source).toBe(`${server.url}/mirror/owner/name/resolve/main`);
    expect((await model.trace(tokens, { layers: [1] })).get(1)).toEqual(await firstInputs(folderOf(files)));
  });

  it("in another revision, by option or behind an @", async () => {
    const server = await serve(at("owner/name/resolve/refs%2Fpr%2F1"));
    const hub = server.url;
    await expect(load("owner/name", { hub, revision: "refs/pr/1" })).resolves.toBeDefined();
    await expect(load("owner/name@refs/pr/1", { hub })).resolves.toBeDefined();
    await expect(load("owner/name@refs/pr/1", { hub, revision: "refs/pr/1" })).resolves.toBeDefined();
    await expect(load("owner/name@refs/pr/1", { hub, revision: "main" })).rejects.toThrow(
      /"revision": expected "refs\/pr\/1" as in "owner\/name@refs\/pr\/1", or none, got "main"/,
    );
  });

  it("keeps to the commit that the revision stood for", async () => {
    const server = await serve({ ...at("owner/name/resolve/main"), ...at(`owner/name/resolve/${commit}`) });
    server.always("owner/name/resolve/main/config.json", (asked) => {
      asked.response.setHeader("x-repo-commit", commit);
      partial(asked);
    });
    const model = await load("owner/name", { hub: server.url });
    expect(model.origin.source).toBe(`${server.url}/owner/name/resolve/${commit}`);
    expect(server.asked("owner/name/resolve/main/model.safetensors")).toEqual([]);
    expect(server.asked(`owner/name/resolve/${commit}/model.safetensors`).length).toBe(1);
  });

  it("takes the hash of a large file from the hub's answer before the redirect", async () => {
    const server = await serve({ ...at("owner/name/resolve/main"), stored: weights });
    const hash = createHash("sha256").update(weights).digest("hex");
    server.always(
      "owner/name/resolve/main/model.safetensors",
      redirect("/stored", 302, { "x-linked-etag": `"${hash}"`, etag: '"else"' }),
    );
    const model = await load("owner/name", { hub: server.url });
    expect((await model.origin.hashes!())["model.safetensors"]).toBe(hash);
  });

  it("goes behind a folder of that name", async () => {
    const folder = folderOf(files);
    const before = process.cwd();
    const [, owner, name] = /^\/([^/]+)\/([^/]+)$/.exec(folder)!;
    process.chdir("/");
    try {
      expect((await load(`${owner}/${name}`, { hub: "http://127.0.0.1:1" })).origin.source).toBe(`${owner}/${name}`);
    } finally {
      process.chdir(before);
    }
  });

  it("says that there is no such folder either", async () => {
    const { url } = await serve({});
    expect(await refusal("owner/name", { hub: url })).toBe(
      `owner/name: no such folder, and no model of the hub to be had: ` +
        `${url}/owner/name/resolve/main/config.json: no such file`,
    );
  });

  it("the hub's words for a model or revision that doesn't exist", async () => {
    const server = await serve({});
    const config = "owner/name/resolve/main/config.json";
    const words = { "x-error-code": "RevisionNotFound", "x-error-message": "Invalid rev id: main" };
    server.always(config, status(404, words));
    expect(await refusal("owner/name", { hub: server.url })).toMatch(
      /config\.json: no such model or revision \(404: Invalid rev id: main\)$/,
    );
    server.always(config, status(401, { "x-error-code": "RepoNotFound", "x-error-message": "Repository not found" }));
    expect(await refusal("owner/name", { hub: server.url })).toMatch(
      /access refused \(401: Repository not found\); it is private or gated, or does not exist/,
    );
  });
});

describe("the token", () => {
  const token = "hf_secret";

  it("goes to the hub", async () => {
    const server = await serve(at("owner/name/resolve/main"));
    await load("owner/name", { hub: server.url, token });
    expect(new Set(server.log.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${token}`]));
  });

  it("goes to a URL of the hub, and to no other", async () => {
    const server = await serve(at("model"));
    await load(`${server.url}/model`, { hub: server.url, token });
    expect(server.log.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
    server.log.length = 0;
    await load(`${server.url}/model`, { token });
    expect(server.log.length).toBeGreaterThan(0);
    expect(server.log.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it("is left behind at a redirect to another origin, and stays so on the way back", async () => {
    const hub = await serve({ ...at("owner/name/resolve/main"), back: weights });
    const store = await serve({});
    hub.always("owner/name/resolve/main/model.safetensors", redirect(`${store.url}/store`));
    store.always("store", redirect(`${hub.url}/back`));
    await expect(firstInputs("owner/name", { hub: hub.url, token })).resolves.toBeDefined();
    expect(hub.asked("owner/name/resolve/main/model.safetensors")[0].authorization).toBe(`Bearer ${token}`);
    for (const logged of [...store.log, ...hub.asked("back")]) expect(logged.authorization).toBeUndefined();
    expect(store.log.length).toBeGreaterThan(0);
    expect(hub.asked("back").length).toBeGreaterThan(0);
  });

  it("stays at a redirect within the hub", async () => {
    const hub = await serve({ ...at("owner/name/resolve/main"), here: weights });
    hub.always("owner/name/resolve/main/model.safetensors", redirect("/here", 307));
    await load("owner/name", { hub: hub.url, token });
    expect(hub.asked("here")[0].authorization).toBe(`Bearer ${token}`);
  });

  it.each([401, 403])("that is refused with %s is spoken of, not repeated", async (code) => {
    const server = await serve({});
    server.always("owner/name/resolve/main/config.json", status(code));
    const message = await refusal("owner/name", { hub: server.url, token });
    expect(message).toContain(`access refused (${code}); the token given may not read it`);
    expect(message).not.toContain(token);
    server.always("model/config.json", status(code));
    expect(await refusal(`${server.url}/model`, { token })).toContain(
      "the token is for https://huggingface.co and was not sent",
    );
  });
});

describe("options that can't be", () => {
  it.each<[string, object, ErrorConstructor, RegExp]>([
    ["a token of two lines", { token: "hf_secret\nX-Other: 1" }, RangeError, /^"token": expected printable characters/],
    ["a token that is no string", { token: 7 }, TypeError, /^"token": expected a string$/],
    ["a hub that is no address", { hub: "huggingface.co" }, RangeError, /^"hub": expected an http\(s\) URL/],
    ["a hub that is no string", { hub: 7 }, TypeError, /^"hub": expected a URL/],
    ["a revision that is empty", { revision: "" }, RangeError, /^"revision": expected a branch, tag or commit/],
    ["a revision that is no string", { revision: 1 }, TypeError, /^"revision": expected a string/],
    ["a cache that is none", { cache: {} }, TypeError, /^"cache": expected \{ read, write \}/],
    ["an unknown key", { network: { timeout: 1 } }, TypeError, /^"network": unknown key "timeout"/],
    ["negative retries", { network: { retries: -1 } }, RangeError, /^"network\.retries": expected an integer/],
    ["no time at all", { network: { stallTimeout: 0 } }, RangeError, /^"network\.stallTimeout": expected/],
  ])("%s", async (_, options, kind, message) => {
    const failure = await load("owner/name", { hub: "http://127.0.0.1:1", ...options }).catch((error) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain("hf_secret");
  });

  it("a revision of a folder, of files, of a URL", async () => {
    const server = await serve(at("model"));
    for (const source of [folderOf(files), {}, `${server.url}/model`]) {
      await expect(load(source, { revision: "main" })).rejects.toThrow(
        /"revision": expected none: only models of the hub/,
      );
    }
  });
});
