// The device tests of another runtime as tests of this one: the same names, each ending as it ended there.
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { describeWith, type Needed } from "../machine.js";
import { bundle } from "./bundle.js";
import type { CollectedTest, SuiteEvent } from "./events.js";

/** A run of program.ts somewhere. */
export interface Run {
  /** What its console says, until it ends. */
  readonly lines: AsyncIterable<string>;
  stop(): Promise<void>;
}

/** Starts program.ts from a folder, in a process of its own, on these files; of none it tells of all tests. */
export type Start = (folder: string, files: string[]) => Run | Promise<Run>;

/** What a run has told. */
interface Told {
  tests: CollectedTest[];
  /** Errors of the tests that have ended, by their ids. */
  results: Map<string, string[]>;
  /** Of the file and its hooks. */
  failures: string[];
  brokeOff: boolean;
}

/** Milliseconds without a word after which a run is given up: more than the runner there gives one test. */
const SILENCE = 150_000;
/** Milliseconds for a run, a second start of it included. */
const LONGEST = 15 * 60_000;

/**
 * The tests of the runs that `start` starts on the bundle in a folder; skipped by name where they cannot be. Files run
 * together share what the driver has compiled, files run apart share no process that one of them may bring down.
 */
export function describeRun(needed: Needed[], title: string, how: "together" | "apart", start: Start): void {
  const found = needed.every(({ path }) => existsSync(path));
  const declared = async () => {
    const folder = await bundle();
    const { tests, failures } = await toldBy(() => start(folder, []), title);
    if (failures.length > 0) throw new Error(failures.join("\n"));
    const files = [...new Set(tests.map(({ file }) => file))];
    for (const group of how === "together" ? [files] : files.map((file) => [file])) {
      let told: Promise<Told> | undefined;
      const run = () => {
        told ??= toldBy(() => start(folder, group), `${title}: ${group.join(", ")}`);
        return told;
      };
      for (const file of group) {
        const own = tests.filter((test) => test.file === file);
        describe(file.slice(1), () => declareTests(own, run));
      }
    }
  };
  describeWith(needed, title, found ? declared : () => it.skip("every test", () => undefined));
}

function declareTests(tests: CollectedTest[], run: () => Promise<Told>): void {
  let told: Told;
  beforeAll(async () => {
    told = await run();
  }, LONGEST);
  for (const { id, name, skipped } of tests) {
    it.skipIf(skipped)(name, () => {
      const errors = told.results.get(id) ?? ["this test did not run", ...told.failures];
      if (errors.length > 0) throw new Error(errors.join("\n\n"));
    });
  }
  it("every file of the run is loaded, and its hooks pass", () => expect(told.failures).toEqual([]));
}

/** What a run tells. One that breaks off, as software drivers make it now and then, is started once more, and said. */
async function toldBy(start: () => Run | Promise<Run>, title: string): Promise<Told> {
  const told = await listen(await start());
  if (!told.brokeOff) return told;
  console.warn(`${title}: ${told.failures.join("\n")}\nIt is started once more.`);
  return listen(await start());
}

async function listen(run: Run): Promise<Told> {
  const told: Told = { tests: [], results: new Map(), failures: [], brokeOff: false };
  const said: string[] = [];
  const events = eventsOf(run, said);
  try {
    for (;;) {
      const event = await within(SILENCE, events.next());
      if (event?.event === "collected") told.tests.push(...event.tests);
      else if (event?.event === "result") told.results.set(event.id, event.errors);
      else if (event?.event === "end") return { ...told, failures: event.failures };
      else return { ...told, failures: [`the run broke off:\n${said.slice(-20).join("\n")}`], brokeOff: true };
    }
  } finally {
    await run.stop();
  }
}

async function* eventsOf({ lines }: Run, said: string[]): AsyncGenerator<SuiteEvent, undefined> {
  for await (const line of lines) {
    if (line.startsWith('{"event":')) yield JSON.parse(line);
    else said.push(line);
  }
}

async function within<T>(milliseconds: number, next: Promise<IteratorResult<T, undefined>>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  const result = await Promise.race([next, silent]);
  clearTimeout(timer);
  return result ? result.value : undefined;
}
