// What is mutated: the models and reports of fuzz/corpus, and the checkpoints of every architecture that the tests keep.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Corpus {
  models: Seed[];
  reports: Seed[];
  /** JSON texts found in its files, for splicing into others. */
  words: string[];
}

/** An intact folder; each of its files may be mutated. */
export interface Seed {
  name: string;
  files: ReadonlyMap<string, Uint8Array>;
}

/** What the loader reads. */
const modelFiles = /^(config|tokenizer|tokenizer_config)\.json$|\.safetensors(\.index\.json)?$/;

/** @param root the project's folder */
export function readCorpus(root: string): Corpus {
  const models = ["fuzz/corpus/models", "test/oracle/architectures"].flatMap((folder) => {
    return readdirSync(join(root, folder)).map((name) => readSeed(root, `${folder}/${name}`, modelFiles));
  });
  const reports = [...readSeed(root, "fuzz/corpus/reports", /\.json$/).files].map(([name, bytes]) => {
    return { name, files: new Map([[name, bytes]]) };
  });
  return { models, reports, words: wordsOf([...models, ...reports]) };
}

function readSeed(root: string, name: string, wanted: RegExp): Seed {
  const files = readdirSync(join(root, name)).filter((file) => wanted.test(file));
  return {
    name,
    files: new Map(files.sort().map((file) => [file, new Uint8Array(readFileSync(join(root, name, file)))])),
  };
}

function wordsOf(seeds: readonly Seed[]): string[] {
  const words = new Set<string>();
  const collect = (value: unknown) => {
    const text = JSON.stringify(value);
    if (text.length <= 200) words.add(text);
    if (value !== null && typeof value === "object") for (const part of Object.values(value)) collect(part);
  };
  for (const { files } of seeds) {
    for (const [name, bytes] of files) if (name.endsWith(".json")) collect(JSON.parse(new TextDecoder().decode(bytes)));
  }
  return [...words];
}
