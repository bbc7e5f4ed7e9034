// config.json, read key by key: a wrong value is named, and what isn't implemented is refused, never ignored.
import { describe } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import type { Activation } from "../../layers/activation.js";
import { excerpt } from "../checkpoint/excerpt.js";

const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  silu: "silu",
  swish: "silu",
};

/** The Hugging Face configuration of a model. */
export class ConfigFile {
  constructor(
    readonly values: Readonly<Record<string, unknown>>,
    /** For messages. */
    readonly file = "config.json",
  ) {}

  /** An integer of at least 1; a null counts as absent, and without a fallback the key must be there. */
  count(key: string, fallback?: number): number {
    const value = this.#value(key, fallback);
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw this.wrong(key, "an integer of at least 1", value);
    return value as number;
  }

  /** An integer of at least 0. */
  index(key: string, fallback: number): number {
    const value = this.#value(key, fallback);
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw this.wrong(key, "an integer of at least 0", value);
    return value as number;
  }

  /** The width by the heads, each named by its key; it has no remainder. */
  headSize(widthKey: string, headsKey: string): number {
    const width = this.count(widthKey);
    const heads = this.count(headsKey);
    if (width % heads !== 0) throw this.wrong(headsKey, `a divisor of ${widthKey} = ${width}`);
    return width / heads;
  }

  /** Height and width in pixels: one integer for both, or [height, width]. */
  extent(key: string, fallback: number): { height: number; width: number } {
    const value = this.#value(key, fallback);
    const [height, width, ...rest] = Array.isArray(value) ? value : [value, value];
    if (rest.length > 0 || [height, width].some((side) => !Number.isSafeInteger(side) || side < 1)) {
      throw this.wrong(key, "an integer of at least 1, or [height, width]", value);
    }
    return { height, width };
  }

  /** A finite number above 0. */
  positive(key: string, fallback: number): number {
    const value = this.#value(key, fallback);
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
      throw this.wrong(key, "a number above 0", value);
    }
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#value(key, fallback);
    if (typeof value !== "boolean") throw this.wrong(key, "true or false", value);
    return value;
  }

  activation(key: string, fallback: string): Activation {
    const value = this.#value(key, fallback);
    if (typeof value !== "string" || !Object.hasOwn(activations, value)) {
      throw this.wrong(key, `one of ${Object.keys(activations).join(", ")}`, value);
    }
    return activations[value];
  }

  /** A token id, if the key holds one (some models list several; then there is none to put in front). */
  token(key: string, vocabulary: number): number | undefined {
    const value = this.values[key];
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) < vocabulary
      ? (value as number)
      : undefined;
  }

  /** Refuses each of the keys whose value is neither absent, null, false, nor the neutral one given for it. */
  refuse(keys: Readonly<Record<string, unknown>>): void {
    for (const [key, neutral] of Object.entries(keys)) {
      const value = this.values[key] ?? false;
      if (value !== false && value !== neutral)
        throw this.unsupported(key, "not implemented, and would change results");
    }
  }

  unsupported(key: string, reason: string): ModelError {
    return new ModelError(`${this.file}: "${key}": ${excerpt(this.values[key])} is ${reason}`, this.file);
  }

  wrong(key: string, expected: string, value: unknown = this.values[key]): ModelError {
    return new ModelError(`${this.file}: "${key}": expected ${expected}, got ${describe(value)}`, this.file);
  }

  #value(key: string, fallback: unknown): unknown {
    return this.values[key] ?? fallback;
  }
}
