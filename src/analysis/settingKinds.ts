// Kinds of settings: how each is checked, read back from a report, and written on a command line.
import { checkInteger, checkNumber, checkOneOf, wrongKind, wrongValue } from "../base/check.js";
import { parseIntegers, parseNumber } from "../base/numerals.js";
import {
  boolean,
  integer as integerOf,
  list,
  nullable,
  number as numberOf,
  oneOf,
  type Reader,
} from "../base/schema.js";
import type { ModelConfig } from "../models/model.js";

/** What a model allows: integers from `min` to `max`, said in words, as in `this model has layers 0 to 11`. */
export interface Limits {
  min: number;
  max: number;
  words: string;
}

export interface Setting<T> {
  /** What the help of its flag says; `value` names the flag's value, a switch has none. */
  readonly flag: { value?: string; help: string };
  /** What a wrong text on a command line should have been. */
  readonly expected: string;
  /** From a flag's text; null where it is not `expected`. */
  fromText(text: string): T | null;
  /**
   * From an option of a program; undefined stands for the default.
   * @throws TypeError, RangeError naming `label`
   */
  check(label: string, value: unknown, model: ModelConfig): T;
  /** From a report. */
  readonly read: Reader<T>;
  /** Of the integers in it; undefined where every model takes all of them. */
  limits?(model: ModelConfig): Limits;
  /** Why this model cannot be measured with this value; undefined where it can. */
  objection?(value: T, model: ModelConfig): string | undefined;
}

/** On or off; default off. */
export function toggle(help: string, objection?: (model: ModelConfig) => string | undefined): Setting<boolean> {
  return {
    flag: { help },
    expected: "no value",
    fromText: () => true,
    check: (label, value) => boolean(value ?? false, label),
    read: boolean,
    objection: objection && ((value, model) => (value ? objection(model) : undefined)),
  };
}

/** Different integers, at least one. */
export function integers(
  help: string,
  limits: (model: ModelConfig) => Limits,
  initial?: (model: ModelConfig) => number[],
): Setting<number[]> {
  return {
    flag: { value: "LIST", help },
    expected: "integers and ranges from:to or from:to:step, each integer once, as in 8,32,64 or 2:100:2",
    fromText: parseIntegers,
    check(label, value, model) {
      if (value === undefined && initial) return initial(model);
      const { min, max } = limits(model);
      if (!Array.isArray(value)) throw wrongKind(label, "an array of integers", value);
      if (value.length === 0) throw wrongValue(label, "at least one integer", value);
      for (const [at, entry] of value.entries()) {
        checkInteger(`${label}[${at}]`, entry, min, max);
        if (value.indexOf(entry) < at) throw wrongValue(label, "every entry once", `${entry} twice`);
      }
      return [...value];
    },
    read: list(integerOf(0)),
    limits,
  };
}

export function integer(help: string, min: number, max: number, initial: number): Setting<number> {
  return {
    flag: { value: "N", help },
    expected: max === Number.MAX_SAFE_INTEGER ? `an integer from ${min}` : `an integer from ${min} to ${max}`,
    fromText(text) {
      const value = parseNumber(text);
      return value !== null && Number.isSafeInteger(value) && value >= min && value <= max ? value : null;
    },
    check: (label, value) => checkInteger(label, value ?? initial, min, max),
    read: integerOf(min),
  };
}

/** A number above 0 and below `below`; null, the default, leaves it to the solver. */
export function positive(help: string, below = Number.POSITIVE_INFINITY): Setting<number | null> {
  return {
    flag: { value: "X", help },
    expected: below === Number.POSITIVE_INFINITY ? "a number above 0" : `a number above 0 and below ${below}`,
    fromText(text) {
      const value = parseNumber(text);
      return value !== null && value > 0 && value < below ? value : null;
    },
    check: (label, value) => (value === undefined ? null : checkNumber(label, value, 0, below)),
    read: nullable(numberOf),
  };
}

/** One of a few words, the first by default. */
export function choice<const T extends string>(help: string, ...choices: readonly [T, ...T[]]): Setting<T> {
  return {
    flag: { value: choices.join("|"), help },
    expected: `one of ${choices.join(", ")}`,
    fromText: (text) => choices.find((choice) => choice === text) ?? null,
    check: (label, value) => checkOneOf(label, value ?? choices[0], choices),
    read: oneOf(...choices),
  };
}

/** One or several of a few words, each once, in their order here; the first by default. */
export function several<const T extends string>(
  help: string,
  all: readonly T[],
  read: readonly string[],
): Setting<T[]> {
  const inOrder = (names: readonly string[]) => all.filter((name) => names.includes(name));
  return {
    flag: { value: "LIST", help },
    expected: `one or several of ${all.join(", ")}, separated by commas`,
    fromText(text) {
      const names = text.split(",").map((name) => name.trim());
      const right = new Set(names).size === names.length && names.every((name) => all.some((known) => known === name));
      return right ? inOrder(names) : null;
    },
    check(label, value) {
      const names = value === undefined ? [all[0]] : typeof value === "string" ? [value] : value;
      if (!Array.isArray(names)) throw wrongKind(label, `an array of ${all.join(", ")}`, value);
      if (names.length === 0) throw wrongValue(label, "at least one", value);
      for (const [at, name] of names.entries()) {
        checkOneOf(`${label}[${at}]`, name, all);
        if (names.indexOf(name) < at) throw wrongValue(label, "every entry once", `${name} twice`);
      }
      return inOrder(names);
    },
    read: list(oneOf(...read)) as Reader<T[]>,
  };
}
