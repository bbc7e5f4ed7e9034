// The cases of a fuzz run. Case k of a seed is always the same, whatever ran before.
import { getHeapStatistics } from "node:v8";
import { Random } from "../src/base/random.js";
import type { Runtime } from "../src/measure/createRuntime.js";
import { createRuntime } from "../src/measure/createRuntime.js";
import { checkModel, checkReport, type Files, type Outcome } from "./checks.js";
import { type Corpus, readCorpus, type Seed } from "./corpus.js";
import { below, mutateFile, pick } from "./mutate.js";

/** Beside what the files themselves take up many times over: no case of an intact folder needs a tenth of it. */
const heapAllowance = 16 * 2 ** 20;
const heapPerByte = 100;

export interface Case {
  /** The folder or file that was mutated. */
  seed: string;
  files: Files;
  run(): Promise<Outcome>;
}

export class Fuzz {
  private constructor(
    readonly corpus: Corpus,
    private readonly runtime: Runtime,
  ) {}

  /**
   * @param root the project's folder
   * @throws Error for a corpus that is not accepted as it is, whose mutations would then prove nothing
   */
  static async open(root: string): Promise<Fuzz> {
    const runtime = await createRuntime({ device: "wasm", memoryLimit: 64 * 2 ** 20 });
    const fuzz = new Fuzz(readCorpus(root), runtime);
    const { models, reports } = fuzz.corpus;
    for (const { name, files } of [...models, ...reports]) {
      if ((await fuzz.#check(name, files)) !== "accepted") throw new Error(`${name}: refused, before any mutation`);
    }
    return fuzz;
  }

  case(seed: number, index: number): Case {
    const random = new Random([seed, index]);
    const { models, reports, words } = this.corpus;
    const chosen = pick(random, random.uniform() < 0.2 ? reports : models);
    const files = mutated(chosen, words, random);
    return { seed: chosen.name, files, run: () => this.#frugally(chosen.name, files) };
  }

  dispose(): void {
    this.runtime.dispose();
  }

  async #frugally(name: string, files: Files): Promise<Outcome> {
    let bytes = 0;
    for (const content of files.values()) bytes += content.length;
    const before = bytesHeld();
    const outcome = await this.#check(name, files);
    const growth = bytesHeld() - before;
    if (growth > heapAllowance + heapPerByte * bytes) {
      throw new Error(`memory grew by ${growth} bytes over files of ${bytes}`);
    }
    if ("polluted" in {}) throw new Error("the prototype of all objects was changed");
    return outcome;
  }

  #check(name: string, files: Files): Promise<Outcome> {
    const report = this.corpus.reports.find((report) => report.name === name);
    return report ? checkReport(files, report.files) : checkModel(files, this.runtime);
  }
}

/** One to four mutations, mostly of one file; now and then a file is gone, or has the content of another one. */
function mutated({ files }: Seed, words: readonly string[], random: Random): Files {
  const copy = new Map(files);
  const names = [...files.keys()];
  for (let count = 1 + below(random, 1 + below(random, 4)); count > 0; count--) {
    const name = pick(random, names);
    const bytes = copy.get(name);
    if (!bytes) continue;
    const chance = random.uniform();
    if (chance < 0.005 && names.length > 1) copy.delete(name);
    else if (chance < 0.01) copy.set(name, files.get(pick(random, names))!);
    else copy.set(name, mutateFile(name, bytes, words, random));
  }
  return copy;
}

function bytesHeld(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
