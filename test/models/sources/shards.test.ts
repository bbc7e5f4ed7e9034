import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../../src/base/errors.js";
import { loadModel, type ModelSource } from "../../../src/models/index.js";
import { referenceRuntime } from "../../reference/runtime.js";
import { type Checkpoint, folderOf, gpt2Checkpoint, gpt2Config, safetensors } from "../files.js";
import { serve } from "./server.js";

const tokens = [0, 3, 1, 4];
const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const index = "model.safetensors.index.json";

type Files = Record<string, object>;

/** Every other tensor in the other shard; `edit` may damage the map. */
function sharded(edit: (map: Record<string, unknown>, shards: Checkpoint[]) => void = () => {}): Files {
  const shards: Checkpoint[] = [{}, {}];
  const map: Record<string, unknown> = {};
  for (const [at, [name, tensor]] of Object.entries(gpt2Checkpoint()).entries()) {
    shards[at % 2][name] = tensor;
    map[name] = names[at % 2];
  }
  edit(map, shards);
  return {
    "config.json": gpt2Config,
    [index]: { metadata: { total_size: 1 }, weight_map: map },
    [names[0]]: safetensors(shards[0]),
    [names[1]]: safetensors(shards[1]),
  };
}

async function inputs(source: ModelSource) {
  const model = await loadModel(source, { runtime: referenceRuntime() });
  return (await model.trace(tokens, { layers: [1] })).get(1)!;
}

async function refusal(files: Files): Promise<string> {
  const failure = await loadModel(folderOf(files), { runtime: referenceRuntime() }).catch((error) => error);
  expect(failure).toBeInstanceOf(ModelError);
  return failure.message;
}

describe("a checkpoint in shards", () => {
  const whole = { "config.json": gpt2Config, "model.safetensors": safetensors(gpt2Checkpoint()) };

  it("gives what the same checkpoint gives in one file, from every kind of source", async () => {
    const expected = await inputs(folderOf(whole));
    const folder = folderOf(sharded());
    expect(await inputs(folder)).toEqual(expected);
    const dropped = readdirSync(folder).map((name) => new File([readFileSync(join(folder, name))], name));
    expect(await inputs(dropped)).toEqual(expected);
    const { url } = await serve(sharded());
    expect(await inputs(url)).toEqual(expected);
  });

  it("goes behind one file, if both are there", async () => {
    const broken = { [index]: "not JSON" };
    await expect(inputs(folderOf({ ...whole, ...broken }))).resolves.toBeDefined();
  });

  it("reports each file", async () => {
    const opened: string[] = [];
    const model = await loadModel(folderOf(sharded()), {
      runtime: referenceRuntime(),
      onProgress: ({ file }) => opened.push(file),
    });
    expect(opened).toEqual(["config.json", index, ...names]);
    expect(Object.keys(await model.origin.hashes!())).toEqual(opened);
  });

  it("more shards than are opened at once", async () => {
    const files: Files = { "config.json": gpt2Config };
    const map: Record<string, string> = {};
    for (const [at, [name, tensor]] of Object.entries(gpt2Checkpoint()).entries()) {
      map[name] = `${at}.safetensors`;
      files[map[name]] = safetensors({ [name]: tensor });
    }
    expect(await inputs(folderOf({ ...files, [index]: { weight_map: map } }))).toEqual(await inputs(folderOf(whole)));
  });
});

describe("an index that can't be", () => {
  const name = "transformer.h.1.ln_1.weight";

  it.each([
    "../model.safetensors",
    "/etc/passwd",
    "sub/model.safetensors",
    "..\\model.safetensors",
    "C:model.safetensors",
    "https://example.org/model.safetensors",
    "..",
    ".",
    "",
    "a\u0000b",
    "a\nb",
    "x".repeat(256),
    7,
    null,
    { file: "a" },
    ["a"],
  ])("refuses the file name %j", async (file) => {
    const message = await refusal(sharded((map) => Object.assign(map, { [name]: file })));
    expect(message).toContain(`${index}: tensor "${name}": expected the name of a file beside the index, got `);
  });

  it("names a shard that is missing", async () => {
    const message = await refusal(sharded((map) => Object.assign(map, { [name]: "elsewhere.safetensors" })));
    expect(message).toMatch(/\/elsewhere\.safetensors: no such file$/);
  });

  it("names a shard that is cut short", async () => {
    const files = sharded();
    files[names[1]] = (files[names[1]] as Uint8Array).slice(0, -1);
    expect(await refusal(files)).toMatch(/model-00002-of-00002\.safetensors: .*truncated/);
  });

  it("names a tensor that its shard hasn't got", async () => {
    const message = await refusal(
      sharded((_, shards) => {
        for (const shard of shards) delete shard[name];
      }),
    );
    expect(message).toMatch(
      /model-0000\d-of-00002\.safetensors: tensor "transformer\.h\.1\.ln_1\.weight": missing; model\.safetensors\.index\.json says that it is here$/,
    );
  });

  it("names a tensor that it doesn't list", async () => {
    const message = await refusal(sharded((map) => delete map[name]));
    expect(message).toMatch(
      /index\.json: tensor "transformer\.h\.1\.ln_1\.weight": missing; the index lists \d+ others$/,
    );
  });

  it.each<[string, object, RegExp]>([
    ["without a map", {}, /"weight_map": expected an object of tensor names and files, got undefined/],
    ["with a list for a map", { weight_map: [] }, /"weight_map": expected an object .* got an array of length 0/],
    ["with an empty map", { weight_map: {} }, /"weight_map": expected at least one tensor, got none/],
    ["that is a list", [], /index\.json: expected a JSON object/],
  ])("%s", async (_, content, message) => {
    expect(await refusal({ ...sharded(), [index]: content })).toMatch(message);
  });

  it("of many files that aren't there asks for the first few", async () => {
    const map = Object.fromEntries(Array.from({ length: 1e5 }, (_, at) => [`t${at}`, `${at}.safetensors`]));
    const server = await serve({ "config.json": gpt2Config, [index]: { weight_map: map } });
    const options = { runtime: referenceRuntime(), network: { retries: 0 } };
    await expect(loadModel(server.url, options)).rejects.toThrow(/0\.safetensors: no such file/);
    expect(server.log.length).toBeLessThan(20);
  });
});
