// Reading a part of tokenizer.json: what it asks for is either known here or refused by name.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import { ofRegex, ofString, type Pattern, type RegexCompiler } from "./pattern.js";

/** A part of the file under the path that messages name it by: pre_tokenizer.pretokenizers[1]. */
export class Part {
  readonly type: string;

  constructor(
    readonly path: string,
    private readonly value: Readonly<Record<string, unknown>>,
    type?: string,
  ) {
    this.type = type ?? this.text("type");
  }

  static of(path: string, value: unknown, type?: string): Part {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ModelError(`${path} is ${excerpt(value)}, not an object`);
    }
    return new Part(path, value as Record<string, unknown>, type);
  }

  /** Whether the file says anything of an option but null. */
  has(key: string): boolean {
    return this.value[key] !== undefined && this.value[key] !== null;
  }

  raw(key: string): unknown {
    return this.value[key];
  }

  text(key: string, fallback?: string): string {
    return this.#get(key, fallback, "a string", (value): value is string => typeof value === "string");
  }

  flag(key: string, fallback?: boolean): boolean {
    return this.#get(key, fallback, "true or false", (value): value is boolean => typeof value === "boolean");
  }

  integer(key: string, least: number, fallback?: number): number {
    const isRight = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= least;
    return this.#get(key, fallback, `an integer of at least ${least}`, isRight);
  }

  oneOf<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const isRight = (value: unknown): value is T => choices.includes(value as T);
    return this.#get(key, fallback, `one of ${choices.join(", ")}`, isRight);
  }

  list(key: string): unknown[] {
    return this.#get(key, undefined, "a list", (value): value is unknown[] => Array.isArray(value));
  }

  /** The parts of a sequence. */
  parts(key: string): Part[] {
    return this.list(key).map((value, i) => Part.of(`${this.path}.${key}[${i}]`, value));
  }

  unknown(known: readonly string[]): ModelError {
    return new ModelError(
      `${this.path} asks for ${JSON.stringify(this.type)}, which is not known; known are ${known.join(", ")}`,
    );
  }

  #get<T>(key: string, fallback: T | undefined, expected: string, isRight: (value: unknown) => value is T): T {
    const value = this.value[key];
    if ((value === undefined || value === null) && fallback !== undefined) return fallback;
    if (isRight(value)) return value;
    throw new ModelError(`${this.path}.${key} is ${excerpt(value)}, not ${expected}`);
  }
}

/** The pattern that a part has as {"String": …} or {"Regex": …}. */
export function patternOf(part: Part, compile: RegexCompiler): Pattern {
  const pattern = part.raw("pattern");
  const { String: literal, Regex: regex } = (pattern ?? {}) as { String?: unknown; Regex?: unknown };
  if (typeof literal === "string") return ofString(literal);
  if (typeof regex === "string") return ofRegex(compile(regex));
  throw new ModelError(`${part.path}.pattern is ${excerpt(pattern)}, neither a String nor a Regex`);
}
