// From a command line to flags and operands, and from a flag's text to its value.
import { parseArgs } from "node:util";
import { parseIntegers, parseNumber } from "../base/numerals.js";
import type { Command } from "./commands.js";
import { suggestion, UsageError } from "./usage.js";

export interface CommandLine {
  operands: string[];
  has(flag: string): boolean;
  /** The text of a flag's value; undefined where it was not given. */
  text(flag: string): string | undefined;
  number(flag: string, expected: string, isRight: (value: number) => boolean): number | undefined;
  oneOf<T extends string>(flag: string, ...choices: T[]): T | undefined;
  integers(flag: string): number[] | undefined;
}

/** @throws UsageError for flags that are unknown, given twice, or lack a value or have one too many */
export function parseCommandLine(args: string[], command: Command): CommandLine {
  const fail = (message: string): never => {
    throw new UsageError(message, command.name);
  };
  const types = Object.entries(command.flags).map(([name, { value }]) => {
    return [name, { type: value ? ("string" as const) : ("boolean" as const) }];
  });
  const options = { ...Object.fromEntries(types), help: { type: "boolean" as const, short: "h" } };
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });

  const operands: string[] = [];
  const given = new Map<string, string | undefined>();
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const flag = Object.hasOwn(command.flags, name) ? command.flags[name] : undefined;
    if (!flag) {
      const known = Object.keys(command.flags).map((flag) => `--${flag}`);
      fail(`unknown flag ${rawName}${suggestion(rawName, known)}`);
    }
    if (given.has(name)) fail(`${rawName} is given twice`);
    if (flag?.value && (value === undefined || (!token.inlineValue && value.startsWith("--")))) {
      fail(`${rawName} needs a value: ${rawName} ${flag.value}`);
    }
    if (!flag?.value && value !== undefined) fail(`${rawName} takes no value, got ${JSON.stringify(value)}`);
    given.set(name, value);
  }

  const wrong = (flag: string, expected: string) => {
    return fail(`--${flag}: expected ${expected}, got ${JSON.stringify(given.get(flag))}`);
  };
  return {
    operands,
    has: (flag) => given.has(flag),
    text: (flag) => given.get(flag),
    number(flag, expected, isRight) {
      const text = given.get(flag);
      if (text === undefined) return undefined;
      const value = parseNumber(text);
      return value !== null && isRight(value) ? value : wrong(flag, expected);
    },
    oneOf(flag, ...choices) {
      const text = given.get(flag);
      if (text === undefined) return undefined;
      return choices.find((choice) => choice === text) ?? wrong(flag, `one of ${choices.join(", ")}`);
    },
    integers(flag) {
      const text = given.get(flag);
      if (text === undefined) return undefined;
      return (
        parseIntegers(text) ??
        wrong(flag, "integers and ranges from:to or from:to:step, each integer once, as in 8,32,64 or 2:100:2")
      );
    },
  };
}
