// A model from its files: config.json says which architecture, safetensors files hold the weights.
import { checkKeys, throwIfAborted, wrongKind } from "../base/check.js";
import { ModelError } from "../base/errors.js";
import type { AbortSignalLike } from "../base/platform.js";
import type { Runtime } from "../measure/createRuntime.js";
import type { Architecture } from "./architectures/architecture.js";
import { architectureOf } from "./architectures/architectures.js";
import { ConfigFile } from "./architectures/config.js";
import { mergeAdapter } from "./checkpoint/conversion.js";
import { isEightBitFloat } from "./checkpoint/dtype.js";
import { openWeights } from "./checkpoint/openWeights.js";
import { readJson } from "./files/json.js";
import { type ModelSource, openSource, type SourceOptions } from "./files/openSource.js";
import { type FileSource, locate } from "./files/source.js";
import type { DownloadEvent } from "./files/web/webSource.js";
import { Transformer } from "./forward/transformer.js";
import { ggufAmong, ggufIn, openGguf } from "./gguf/open.js";
import type { Model } from "./model.js";
import { loadTokenizer, type TokenizerOrReason } from "./tokenizer.js";

/** A file was opened; of a large one, little has been read then. */
export interface FileEvent {
  type: "file";
  file: string;
  bytes: number;
}

/** What `onProgress` of `loadModel` is told: of files, and of downloads. */
export type LoadEvent = FileEvent | DownloadEvent;

/** Options of `loadModel`. */
export interface LoadOptions extends SourceOptions {
  runtime: Runtime;
  /** Downloads are told of later too, when weights are used. */
  onProgress?: (event: LoadEvent) => void;
  /** Ends loading, and as with fetch also what is read from the network afterwards, when weights are used. */
  signal?: AbortSignalLike;
  /** What reports call the model; default: where its files lie. */
  name?: string;
}

/**
 * A checkpoint in Hugging Face's layout: config.json, model.safetensors (F32, F16, BF16, F64, or floats of eight bits
 * with their scales) or its shards and their index and, to encode text, tokenizer.json; or a GGUF file. Only headers are
 * read here; weights are read when they are used, from a server by ranges. The architecture is that of config.json's
 * model_type, or of the GGUF file's metadata (README.md, "Models").
 * @param source a folder's path (Node, Deno, Bun), the URL of a folder, the id of a model on the Hugging Face hub
 * ("owner/name" or "owner/name@revision"; a folder of that name goes before it), files with names, or files by name; a path or URL that ends in .gguf is that file
 * @throws ModelError naming the file, and the tensor, that is missing, damaged or not supported, or can't be fetched
 * @example
 * const model = await loadModel("./models/tiny", { runtime });
 */
export async function loadModel(source: ModelSource, options: LoadOptions): Promise<Model> {
  checkKeys("options", options, [
    "runtime",
    "onProgress",
    "signal",
    "revision",
    "hub",
    "token",
    "cache",
    "network",
    "name",
  ]);
  const { runtime, onProgress, signal, name } = options;
  if (typeof runtime?.attention !== "function") throw wrongKind("runtime", "a runtime, of createRuntime()", runtime);
  throwIfAborted(signal);
  const alone = ggufIn(source);
  const files = await openSource(alone?.folder ?? source, options, signal, onProgress);
  const names: string[] = [];
  const opened = async (file: string) => {
    throwIfAborted(signal);
    const bytes = await files.size(file);
    if (bytes === undefined) return;
    names.push(file);
    onProgress?.({ type: "file", file, bytes });
  };

  const gguf = alone?.file ?? (await ggufAmong(files));
  const { architecture, text, quantized } = gguf ? await readGgufModel(gguf) : await readFolder();
  throwIfAborted(signal);

  let hashes: Promise<Record<string, string>> | undefined;
  const origin = {
    source: name ?? (gguf ? locate(files, gguf) : files.name),
    ...(quantized ? { quantized } : {}),
    hashes: () => {
      hashes ??= hashesOf(files, names);
      return hashes;
    },
  };
  return new Transformer(architecture, origin, text, runtime);

  async function readFolder(): Promise<Contents> {
    const config = await readConfig(files);
    const build = architectureOf(config);
    await opened("config.json");
    const { weights, files: weightFiles } = await openWeights(files, config);
    const architecture = build(config, weights);
    for (const file of weightFiles) await opened(file);
    const text = await loadTokenizer(files);
    await opened("tokenizer.json");
    const bosToken = architecture.config.bosToken ?? text.bosToken;
    const eightBits = [...weights.names()].map((tensor) => weights.dtype(tensor)!).find(isEightBitFloat);
    return {
      architecture: { ...architecture, config: { ...architecture.config, bosToken } },
      text,
      quantized: eightBits,
    };
  }

  async function readGgufModel(file: string): Promise<Contents> {
    const { architecture, text, formats } = await openGguf(files, file);
    await opened(file);
    return { architecture, text, quantized: formats };
  }
}

/** What is read of a model's files on opening. */
interface Contents {
  readonly architecture: Architecture;
  readonly text: TokenizerOrReason;
  /** The formats of weights of fewer bits. */
  readonly quantized?: string;
}

async function hashesOf(files: FileSource, names: readonly string[]): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const file of names) {
    const hash = await files.sha256(file);
    if (hash !== undefined) hashes[file] = hash;
  }
  return hashes;
}

async function readConfig(files: FileSource): Promise<ConfigFile> {
  if ((await files.size("config.json")) === undefined) {
    if ((await files.size("adapter_config.json")) !== undefined) throw await mergeAdapter(files, "adapter_config.json");
    const present = await files.list();
    const found = present ? ` (found: ${present.slice(0, 10).join(", ") || "nothing"})` : "";
    throw new ModelError(
      `${locate(files, "config.json")}: no such file; a model's folder has one${found}`,
      "config.json",
    );
  }
  return new ConfigFile(await readJson(files, "config.json"), locate(files, "config.json"));
}
