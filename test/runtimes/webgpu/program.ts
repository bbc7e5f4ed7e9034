// Runs the device tests wherever this is loaded, and says what becomes of them, an event a line of the console.

import files from "virtual:device-tests";
import { type File, startTests, type Task, type Test, type VitestRunner } from "@vitest/runner";
import { processError } from "@vitest/utils/error";
import type { SuiteEvent } from "./events.js";

const TIMEOUT = 120_000;

function say(event: SuiteEvent): void {
  console.log(JSON.stringify(event));
}

const told = (error: unknown): string => {
  const { name, message, stack, diff } = processError(error);
  return [stack?.includes(message) ? stack : `${name}: ${message}\n${stack}`, diff].filter(Boolean).join("\n");
};

/** The names of a test's file and suites, and its own. */
function nameOf(test: Test): string {
  const names = [test.name];
  for (let suite = test.suite; suite; suite = suite.suite) names.unshift(suite.name);
  return [test.file.name, ...names].join(" > ");
}

function testsOf(task: Task): Test[] {
  return task.type === "test" ? [task] : task.tasks.flatMap(testsOf);
}

/** Of files that could not be loaded and of hooks that failed. */
function failuresOf(task: Task): string[] {
  if (task.type === "test") return [];
  const own = (task.result?.errors ?? []).map((error) => `${task.name}: ${error.stack ?? error.message}`);
  return [...own, ...task.tasks.flatMap(failuresOf)];
}

const runner: VitestRunner = {
  config: {
    root: "/",
    setupFiles: [],
    name: undefined,
    passWithNoTests: false,
    testNamePattern: undefined,
    allowOnly: false,
    sequence: { seed: 0, hooks: "stack", setupFiles: "list" },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: TIMEOUT,
    hookTimeout: TIMEOUT,
    retry: 0,
    includeTaskLocation: false,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
  },
  importFile: (path) => files[path](),
  onCollected(collected: File[]) {
    const tests = collected.flatMap(testsOf);
    say({
      event: "collected",
      tests: tests.map((test) => ({ id: test.id, name: nameOf(test), skipped: test.mode === "skip" })),
    });
  },
  onAfterRunTask({ id, result }) {
    const errors = (result?.errors ?? []).map(({ stack, message, diff }) => [stack ?? message, diff].join("\n"));
    if (result?.state === "fail" && errors.length === 0) errors.push("failed without an error");
    say({ event: "result", id, errors });
  },
};

try {
  const run = await startTests(Object.keys(files), runner);
  say({ event: "end", failures: run.flatMap(failuresOf) });
} catch (error) {
  say({ event: "end", failures: [told(error)] });
}
