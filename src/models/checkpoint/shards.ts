// Weights split over several safetensors files, as model.safetensors.index.json says:
// { weight_map: { tensor: file } } (https://huggingface.co/docs/transformers/big_models).
import { describe } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { jsonLimits, readJson } from "../files/json.js";
import { type FileSource, locate } from "../files/source.js";
import type { StoredWeights } from "../forward/weights.js";
import { excerpt } from "./excerpt.js";
import { SafetensorsFile } from "./safetensors.js";

/** Shards whose headers are read together; an index that lists many missing ones ends with the first few. */
const openedAtOnce = 8;

export class ShardedWeights implements StoredWeights {
  readonly #where: string;

  private constructor(
    source: FileSource,
    readonly index: string,
    /** The file of each tensor. */
    readonly shards: ReadonlyMap<string, SafetensorsFile>,
  ) {
    this.#where = locate(source, index);
  }

  /**
   * Reads the headers of all shards.
   * @throws ModelError for an index that names a file elsewhere, a shard that is missing or damaged; a tensor that
   * the index promises and the shard hasn't got matters only where it is needed
   */
  static async open(source: FileSource, index: string): Promise<ShardedWeights> {
    const fail = (problem: string) => new ModelError(`${locate(source, index)}: ${problem}`, index);
    const { weight_map: map } = await readJson(source, index, jsonLimits.index);
    if (map === null || typeof map !== "object" || Array.isArray(map)) {
      throw fail(`"weight_map": expected an object of tensor names and files, got ${describe(map)}`);
    }
    const files = new Map(Object.entries(map));
    if (files.size === 0) throw fail('"weight_map": expected at least one tensor, got none');
    for (const [tensor, file] of files) {
      if (isPlainName(file)) continue;
      throw fail(`tensor ${excerpt(tensor)}: expected the name of a file beside the index, got ${describe(file)}`);
    }
    const opened = await openAll(source, [...new Set(files.values())]);
    const shards = new Map<string, SafetensorsFile>();
    for (const [tensor, file] of files) {
      shards.set(tensor, opened.get(file)!);
    }
    return new ShardedWeights(source, index, shards);
  }

  /** The names of the shards, sorted. */
  get files(): string[] {
    return [...new Set([...this.shards.values()].map(({ file }) => file))].sort();
  }

  has(name: string): boolean {
    return this.shards.get(name)?.has(name) ?? false;
  }

  names(): Iterable<string> {
    return this.shards.keys();
  }

  dtype(name: string): string | undefined {
    return this.shards.get(name)?.dtype(name);
  }

  shape(name: string): readonly number[] | undefined {
    return this.shards.get(name)?.shape(name);
  }

  require(name: string, shape: readonly number[]): void {
    this.#shard(name).require(name, shape);
  }

  tensor(name: string): Promise<Tensor> {
    return this.#shard(name).tensor(name);
  }

  rows(name: string, ids: readonly number[]): Promise<Tensor> {
    return this.#shard(name).rows(name, ids);
  }

  #shard(name: string): SafetensorsFile {
    const shard = this.shards.get(name);
    if (shard?.has(name)) return shard;
    if (shard) {
      throw new ModelError(
        `${locate(shard.source, shard.file)}: tensor ${excerpt(name)}: missing; ${this.index} says that it is here`,
        shard.file,
      );
    }
    throw new ModelError(
      `${this.#where}: tensor ${excerpt(name)}: missing; the index lists ${this.shards.size} others`,
      this.index,
    );
  }
}

async function openAll(source: FileSource, files: readonly string[]): Promise<Map<string, SafetensorsFile>> {
  const opened = new Map<string, SafetensorsFile>();
  for (let at = 0; at < files.length; at += openedAtOnce) {
    const some = files.slice(at, at + openedAtOnce);
    for (const shard of await Promise.all(some.map((file) => SafetensorsFile.open(source, file)))) {
      opened.set(shard.file, shard);
    }
  }
  return opened;
}

/** No path: neither up, down nor to a drive, and nothing that a file system or a URL might take for one. */
function isPlainName(file: unknown): file is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  return typeof file === "string" && file.length <= 255 && /^[^/\\:\u0000-\u001f]+$/.test(file) && !/^\.+$/.test(file);
}
