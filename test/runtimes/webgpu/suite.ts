// The device tests of another runtime as tests of this one: the same names, each ending as it ended there.
import { existsSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { describeWith, type Needed } from "../machine.js";
import { bundle } from "./bundle.js";
import type { SuiteEvent } from "./events.js";

/** A run of program.ts somewhere. */
export interface Run {
  /** What its console says, until it ends. */
  readonly lines: AsyncIterable<string>;
  stop(): Promise<void>;
}

/** Milliseconds without a word after which a run is given up: more than the runner there gives one test. */
const SILENCE = 150_000;

/** The tests of a run that `start` starts on the bundle in a folder; one that is skipped by name where it cannot. */
export function describeRun(needed: Needed[], title: string, start: (folder: string) => Run | Promise<Run>): void {
  const found = needed.every(({ path }) => existsSync(path));
  const declared = async () => declareTests(await start(await bundle()));
  describeWith(needed, title, found ? declared : () => it.skip("every test", () => undefined));
}

/** Declares the tests once the other runtime has told which there are; each then waits for what becomes of it there. */
async function declareTests(run: Run): Promise<void> {
  afterAll(() => run.stop());
  const said: string[] = [];
  const events = eventsOf(run, said);
  const results = new Map<string, string[]>();
  let failures: string[] | undefined;

  const listen = async () => {
    const event = await within(SILENCE, events.next());
    if (event?.event === "result") results.set(event.id, event.errors);
    else failures = event?.event === "end" ? event.failures : [`the run broke off:\n${said.slice(-20).join("\n")}`];
  };
  const first = await within(SILENCE, events.next());
  if (first?.event !== "collected") throw new Error(`the run told of no tests:\n${said.join("\n")}`);
  for (const { id, name, skipped } of first.tests) {
    const outcome = async () => {
      while (!results.has(id) && !failures) await listen();
      const errors = results.get(id) ?? ["this test did not run", ...failures!];
      if (errors.length > 0) throw new Error(errors.join("\n\n"));
    };
    it.skipIf(skipped)(name, outcome, 2 * SILENCE);
  }
  it("every file is loaded, every hook passes", { timeout: 2 * SILENCE }, async () => {
    while (!failures) await listen();
    expect(failures).toEqual([]);
  });
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
