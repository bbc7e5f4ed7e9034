// config.json, read key by key: a wrong value is named, and what isn't implemented is refused, never ignored.
import { describe } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";

type Values = Readonly<Record<string, unknown>>;

/** The Hugging Face configuration of a model, or a section of it; it remembers which keys were asked for. */
export class ConfigFile {
  readonly #asked = new Set<string>();

  constructor(
    readonly values: Values,
    /** For messages. */
    readonly file = "config.json",
    /** Of a section, with its dot: "text_config.". */
    readonly path = "",
  ) {}

  /** The value of a key, null included; undefined where it is absent. */
  value(key: string): unknown {
    this.#asked.add(key);
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /** Whether the key is there, if only as null. */
  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  /** Whether the key was asked for. */
  wasAsked(key: string): boolean {
    return this.#asked.has(key);
  }

  /** The same, with other values for keys that are absent. */
  withDefaults(defaults: Values): ConfigFile {
    return new ConfigFile({ ...defaults, ...this.values }, this.file, this.path);
  }

  /** The first of several names of one thing that has a value; the first of all where none has. */
  name(keys: readonly string[]): string {
    return keys.find((key) => (this.value(key) ?? undefined) !== undefined) ?? keys[0];
  }

  /** An object under a key as a configuration of its own; undefined where there is none. */
  section(key: string): ConfigFile | undefined {
    const value = this.value(key) ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) throw this.wrong(key, "an object or null");
    return new ConfigFile(value as Values, this.file, `${this.path}${key}.`);
  }

  /** An integer of at least 1; a null counts as absent, and without a fallback the key must be there. */
  count(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw this.wrong(key, "an integer of at least 1", value);
    return value as number;
  }

  /** An integer of at least 0. */
  index(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw this.wrong(key, "an integer of at least 0", value);
    return value as number;
  }

  /** Height and width in pixels: one integer for both, or [height, width]. */
  extent(key: string, fallback: number): { height: number; width: number } {
    const value = this.value(key) ?? fallback;
    const [height, width, ...rest] = Array.isArray(value) ? value : [value, value];
    if (rest.length > 0 || [height, width].some((side) => !Number.isSafeInteger(side) || side < 1)) {
      throw this.wrong(key, "an integer of at least 1, or [height, width]", value);
    }
    return { height, width };
  }

  /** A finite number above 0. */
  positive(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
      throw this.wrong(key, "a number above 0", value);
    }
    return value;
  }

  /** A finite number. */
  number(key: string, fallback: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.wrong(key, "a finite number", value);
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value !== "boolean") throw this.wrong(key, "true or false", value);
    return value;
  }

  /** One of the values that are known. */
  oneOf<T>(key: string, choices: Readonly<Record<string, T>>, fallback: string): T {
    const value = this.value(key) ?? fallback;
    if (typeof value !== "string" || !Object.hasOwn(choices, value)) {
      throw this.wrong(key, `one of ${Object.keys(choices).join(", ")}`, value);
    }
    return choices[value];
  }

  /** A token id, if the key holds one (some models list several; then there is none to put in front). */
  token(key: string, vocabulary: number): number | undefined {
    const value = this.value(key);
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) < vocabulary
      ? (value as number)
      : undefined;
  }

  /** Refuses each of the keys whose value is neither absent, null, false, nor one of the neutral ones given for it. */
  refuse(keys: Readonly<Record<string, readonly unknown[]>>): void {
    for (const [key, neutral] of Object.entries(keys)) {
      const value = this.value(key) ?? false;
      if (value !== false && !neutral.includes(value)) {
        throw this.unsupported(key, "not implemented, and would change results");
      }
    }
  }

  unsupported(key: string, reason: string): ModelError {
    return this.problem(key, `${excerpt(this.values[key] ?? null)} is ${reason}`);
  }

  wrong(key: string, expected: string, value: unknown = this.values[key]): ModelError {
    return this.problem(key, `expected ${expected}, got ${describe(value)}`);
  }

  problem(key: string, problem: string): ModelError {
    return new ModelError(`${this.file}: "${this.path}${key}": ${problem}`, this.file);
  }
}
