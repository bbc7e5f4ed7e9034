// The rows of a run that is still going on, kept on disk, so that a process that is killed loses the last seconds alone.
import { existsSync } from "node:fs";
import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Provenance, Report, Row } from "../analysis/report.js";
import { reportFromLines, toLines } from "../report/lines.js";
import { explain, replaceFile } from "./files.js";

const name = "checkpoint.jsonl";
/** Milliseconds from one writing to the next. */
const interval = 10_000;

export class Checkpoint {
  readonly #path: string;
  readonly #folder: string;
  readonly #warn: (message: string) => void;
  readonly #timer: NodeJS.Timeout;
  #start = "";
  #pending: Row[] = [];
  #writing: Promise<void> = Promise.resolve();
  #begun = false;
  #usable = true;

  /** @param warn is told, once, why rows cannot be kept */
  constructor(folder: string, warn: (message: string) => void, every = interval) {
    this.#folder = folder;
    this.#path = join(folder, name);
    this.#warn = warn;
    this.#timer = setInterval(() => this.flush(), every);
    this.#timer.unref();
  }

  /** @param kept rows of the report that is resumed; they stay on disk until they come up again */
  begin(provenance: Provenance, kept: readonly Row[]): void {
    this.#start = toLines(provenance, kept);
  }

  add(row: Row): void {
    this.#pending.push(row);
  }

  /** Writes what has come since. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** The run has ended: the rows are in its report, or are to be kept for the next. */
  async end(delivered: boolean): Promise<void> {
    clearInterval(this.#timer);
    if (delivered) await this.#writing.then(() => rm(this.#path, { force: true }));
    else await this.flush();
  }

  async #write(): Promise<void> {
    if (!this.#usable || this.#pending.length === 0) return;
    const rows = this.#pending;
    this.#pending = [];
    const lines = rows.map((row) => toLines(undefined, [row])).join("");
    try {
      // An earlier checkpoint is replaced as a whole, by one that holds all of its rows that stand.
      if (this.#begun) await appendFile(this.#path, lines, { flush: true } as object);
      else await replaceFile(this.#folder, name, this.#start + lines);
      this.#begun = true;
    } catch (error) {
      this.#usable = false;
      this.#warn(`--out: rows cannot be kept while the run goes on: ${explain(error, this.#path)}`);
    }
  }
}

/** What a run that was killed left in the folder; undefined where there is nothing. */
export async function readCheckpoint(folder: string): Promise<Report | undefined> {
  const path = join(folder, name);
  if (!existsSync(path)) return undefined;
  try {
    return reportFromLines(await readFile(path, "utf8"));
  } catch (error) {
    throw new Error(`--resume: ${path} cannot be read: ${explain(error, path)}; delete it to start anew`);
  }
}
