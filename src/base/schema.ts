// Readers of plain data that nothing is trusted in, as JSON brings it: small ones, put together to a schema.
import { checkInteger, checkNumber, checkOneOf, wrongKind, wrongValue } from "./check.js";

/**
 * Returns what it read. Throws TypeError for a wrong kind and RangeError for a wrong value, with the place that `label`
 * names, as in `"report.rows[3].sigma": expected …, got …`.
 */
export type Reader<T> = (value: unknown, label: string) => T;

/** An object with these keys; others are dropped, so that a later version's files can be read. */
export function object<T extends object>(fields: { [K in keyof T]-?: Reader<T[K]> }): Reader<T> {
  const entries = Object.entries(fields) as [string, Reader<unknown>][];
  return (value, label) => {
    const all = plainObject(value, label);
    const found = entries.map(([key, read]) => {
      return [key, read(Object.hasOwn(all, key) ? all[key] : undefined, `${label}.${key}`)] as const;
    });
    return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as T;
  };
}

/** An object as a table, whatever its keys. */
export function record<T>(read: Reader<T>): Reader<Record<string, T>> {
  return (value, label) => {
    const entries = Object.entries(plainObject(value, label));
    return Object.fromEntries(entries.map(([key, entry]) => [key, read(entry, `${label}.${shorten(key)}`)]));
  };
}

export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value, label) => {
    if (!Array.isArray(value)) throw wrongKind(label, "an array", value);
    return value.map((entry, at) => read(entry, `${label}[${at}]`));
  };
}

/** Two numbers in ascending order. */
export const interval: Reader<[low: number, high: number]> = (value, label) => {
  const ends = list(number)(value, label);
  if (ends.length !== 2 || ends[0] > ends[1]) throw wrongValue(label, "[low, high]", value);
  return [ends[0], ends[1]];
};

export const number: Reader<number> = (value, label) => checkNumber(label, value);

export const atLeastZero: Reader<number> = (value, label) => {
  return checkNumber(label, value, 0, Number.POSITIVE_INFINITY, true);
};

export function integer(min: number): Reader<number> {
  return (value, label) => checkInteger(label, value, min);
}

export const string: Reader<string> = (value, label) => {
  if (typeof value !== "string") throw wrongKind(label, "a string", value);
  return value;
};

export const boolean: Reader<boolean> = (value, label) => {
  if (typeof value !== "boolean") throw wrongKind(label, "true or false", value);
  return value;
};

export function oneOf<const T extends string>(...choices: readonly T[]): Reader<T> {
  return (value, label) => checkOneOf(label, value, choices);
}

/** Null and nothing else; `where` says why. */
export function nothing(where: string): Reader<null> {
  return (value, label) => {
    if (value !== null) throw wrongKind(label, `null ${where}`, value);
    return value;
  };
}

export function nullable<T>(read: Reader<T>): Reader<T | null> {
  return (value, label) => (value === null ? null : read(value, label));
}

/** A key that may be left out; it then is left out of what is read, too. */
export function optional<T>(read: Reader<T>): Reader<T | undefined> {
  return (value, label) => (value === undefined ? undefined : read(value, label));
}

/** A key that older files do not have; `before` is what they mean. */
export function since<T>(before: T, read: Reader<T>): Reader<T> {
  return (value, label) => (value === undefined ? before : read(value, label));
}

function plainObject(value: unknown, label: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrongKind(label, "an object", value);
  return value as Record<string, unknown>;
}

function shorten(name: string): string {
  return name.length > 60 ? `${name.slice(0, 57)}...` : name;
}
