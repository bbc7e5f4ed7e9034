// A model from its files: config.json says which architecture, model.safetensors holds the weights.
import { checkKeys, throwIfAborted, wrongKind, wrongValue } from "../check.js";
import { ModelError } from "../errors.js";
import type { AbortSignalLike, BlobLike, FileLike, URLLike } from "../platform.js";
import type { Runtime } from "../runtime.js";
import { architectureOf } from "./architectures.js";
import { ConfigFile } from "./config.js";
import { Decoder } from "./decoder.js";
import { openFolder } from "./folder.js";
import type { Model } from "./model.js";
import { SafetensorsFile } from "./safetensors.js";
import { BlobSource, type FileMap, type FileSource, locate, readJson } from "./source.js";
import { loadTokenizer } from "./tokenizer.js";

export type ModelSource = string | URLLike | readonly FileLike[] | FileMap;

/** A file was opened; of a large one, little has been read then. */
export interface LoadEvent {
  type: "file";
  file: string;
  bytes: number;
}

export interface LoadOptions {
  runtime: Runtime;
  onProgress?: (event: LoadEvent) => void;
  signal?: AbortSignalLike;
}

const weightsFile = "model.safetensors";

/**
 * A GPT-2 or Llama checkpoint in Hugging Face's layout: config.json, model.safetensors (F32, F16, BF16 or F64) and, to
 * encode text, tokenizer.json. Only headers are read here; weights are read when they are used.
 * @param source a folder's path (Node, Deno, Bun), files with names, or files by name
 * @throws ModelError naming the file, and the tensor, that is missing, damaged or not supported
 * @example
 * const model = await loadModel("./gpt2", { runtime });
 */
export async function loadModel(source: ModelSource, options: LoadOptions): Promise<Model> {
  checkKeys("options", options, ["runtime", "onProgress", "signal"]);
  const { runtime, onProgress, signal } = options;
  if (typeof runtime?.attention !== "function") throw wrongKind("runtime", "a runtime, of createRuntime()", runtime);
  throwIfAborted(signal);
  const files = await openSource(source);
  const hashes: Record<string, string> = {};
  const opened = async (file: string) => {
    throwIfAborted(signal);
    const bytes = await files.size(file);
    if (bytes === undefined) return;
    const hash = await files.sha256(file);
    if (hash !== undefined) hashes[file] = hash;
    onProgress?.({ type: "file", file, bytes });
  };

  const config = await readConfig(files);
  const build = architectureOf(config);
  await opened("config.json");
  await requireWeightsFile(files);
  const weights = await SafetensorsFile.open(files, weightsFile);
  const architecture = build(config, weights);
  await opened(weightsFile);
  const text = await loadTokenizer(files);
  await opened("tokenizer.json");
  throwIfAborted(signal);

  const bosToken = architecture.config.bosToken ?? text.bosToken;
  const complete = { ...architecture, config: { ...architecture.config, bosToken } };
  return new Decoder(complete, { source: files.name, files: hashes }, text, runtime);
}

async function openSource(source: ModelSource): Promise<FileSource> {
  if (typeof source === "string") return openPath(source);
  const expected = "a folder's path, an array of files with names, or files by name";
  if (source === null || typeof source !== "object") throw wrongKind("source", expected, source);
  if ("href" in source && typeof source.href === "string") {
    throw new ModelError(`${source.href}: models can't be read from a URL yet; pass a folder's path, or files`);
  }
  const named: [string, unknown][] = Array.isArray(source)
    ? source.map((file: FileLike) => [file?.name, file])
    : [...(source instanceof Map ? source.entries() : Object.entries(source))];
  for (const [name, file] of named) {
    if (typeof name !== "string")
      throw wrongKind("source", "files with names (a Blob has none: pass { name: blob })", file);
    if (typeof (file as BlobLike)?.slice !== "function") throw wrongKind(`source["${name}"]`, "a File or Blob", file);
  }
  return new BlobSource(source as readonly FileLike[] | FileMap);
}

/** A string is a folder if it exists or looks like a path, else the id of a model on the hub. */
async function openPath(path: string): Promise<FileSource> {
  if (path === "") throw wrongValue("source", "a folder's path", path);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) {
    throw new ModelError(`${path}: models can't be read from a URL yet; pass a folder's path, or files`);
  }
  const folder = await openFolder(path);
  if (folder) return folder;
  if (/^[\w.-]+\/[\w.-]+$/.test(path) && !/^\.{0,2}\//.test(path)) {
    throw new ModelError(
      `${path}: no such folder, and models of the hub can't be fetched yet; ` +
        "download config.json, model.safetensors and tokenizer.json into a folder and pass its path",
    );
  }
  throw new ModelError(`${path}: no such folder`, path);
}

async function readConfig(files: FileSource): Promise<ConfigFile> {
  if ((await files.size("config.json")) === undefined) {
    const present = (await files.list()).slice(0, 10).join(", ") || "nothing";
    throw new ModelError(
      `${locate(files, "config.json")}: no such file; a model's folder has one (found: ${present})`,
      "config.json",
    );
  }
  return new ConfigFile(await readJson(files, "config.json"), locate(files, "config.json"));
}

async function requireWeightsFile(files: FileSource): Promise<void> {
  if ((await files.size(weightsFile)) !== undefined) return;
  const present = await files.list();
  const fail = (problem: string) =>
    new ModelError(`${locate(files, weightsFile)}: no such file; ${problem}`, weightsFile);
  const index = `${weightsFile}.index.json`;
  if (present.includes(index)) {
    throw fail(
      `${index} splits the weights over several files, which can't be read yet. To make one file: ${convert(files, ', max_shard_size="1000GB"')}`,
    );
  }
  const pickled = present.find((file) => /\.(bin|pt|pth|ckpt)$/.test(file));
  if (pickled) throw fail(`${pickled} is a pickle, which is not read. To convert it: ${convert(files)}`);
  throw fail(`found: ${present.slice(0, 10).join(", ")}`);
}

/** The command that writes model.safetensors beside what is there. */
function convert({ name }: FileSource, extra = ""): string {
  const folder = name.includes(" ") || name.includes("'") ? "FOLDER" : name;
  return (
    `python3 -c "from transformers import AutoModelForCausalLM as M; ` +
    `M.from_pretrained('${folder}').save_pretrained('${folder}', safe_serialization=True${extra})"`
  );
}
