// Argument checks, called at the public boundary only. Wrong kinds throw TypeError, wrong values RangeError,
// both as `"label": expected X, got Y`.
import { DeviceError } from "./errors.js";
import type { AbortSignalLike } from "./platform.js";
import { asReals, type RealArray, sizeOf, type Tensor } from "./tensor.js";

/** What a value is, in words short enough for an error message. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "number" || typeof value === "boolean" || value === undefined) return String(value);
  if (typeof value === "object") return `an object of type ${value.constructor?.name ?? "Object"}`;
  return `a ${typeof value}`;
}

export function wrongKind(label: string, expected: string, value: unknown): TypeError {
  return new TypeError(`"${label}": expected ${expected}, got ${describe(value)}`);
}

export function wrongValue(label: string, expected: string, value: unknown): RangeError {
  return new RangeError(`"${label}": expected ${expected}, got ${describe(value)}`);
}

export function checkInteger(label: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const range = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  if (typeof value !== "number") throw wrongKind(label, range, value);
  if (!Number.isInteger(value) || value < min || value > max) throw wrongValue(label, range, value);
  return value;
}

/** A finite number in the open interval (min, max), or the half-open [min, max) with `orEqual`. */
export function checkNumber(
  label: string,
  value: unknown,
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
  orEqual = false,
): number {
  let range = "a finite number";
  if (min !== Number.NEGATIVE_INFINITY) range += ` ${orEqual ? "of at least" : "above"} ${min}`;
  if (max !== Number.POSITIVE_INFINITY) range += `${range.length > 15 ? " and" : ""} below ${max}`;
  if (typeof value !== "number") throw wrongKind(label, range, value);
  if (!Number.isFinite(value) || !(orEqual ? value >= min : value > min) || !(value < max)) {
    throw wrongValue(label, range, value);
  }
  return value;
}

export function checkOneOf<T extends string>(label: string, value: unknown, choices: readonly T[]): T {
  const list = choices.map((choice) => `"${choice}"`).join(", ");
  if (typeof value !== "string") throw wrongKind(label, `one of ${list}`, value);
  if (!choices.includes(value as T)) throw wrongValue(label, `one of ${list}`, value);
  return value as T;
}

/** Refuses keys that are not known, so that a misspelt option is never ignored. */
export function checkKeys(label: string, value: unknown, known: readonly string[]): void {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrongKind(label, "an object", value);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new TypeError(`"${label}": unknown key "${key}"; known are ${known.join(", ")}`);
  }
}

/**
 * A tensor of the expected shape (a negative extent stands for any positive one), its data finite. Nested arrays are
 * copied into doubles; a leading extent of 1, a batch of one, is left out where the shape expected has one axis less.
 * The first non-finite element is named by its index.
 */
export function checkTensor(label: string, value: unknown, expected?: readonly number[]): Tensor {
  if (value === null || typeof value !== "object") throw wrongKind(label, "a tensor { data, shape }", value);
  const given: { data?: unknown; shape?: unknown; dims?: unknown } = Array.isArray(value)
    ? fromRows(label, value)
    : value;
  const data = asReals(given.data);
  if (!data) throw wrongKind(`${label}.data`, "a Float32Array or Float64Array", given.data);
  const shape = given.shape ?? given.dims;
  if (!Array.isArray(shape) && !ArrayBuffer.isView(shape)) {
    throw wrongKind(`${label}.shape`, "an array of extents", shape);
  }
  let extents = Array.from(shape as ArrayLike<number>, Number);
  if (expected) {
    if (extents.length === expected.length + 1 && extents[0] === 1) extents = extents.slice(1);
    const fits =
      extents.length === expected.length &&
      extents.every((extent, axis) => (expected[axis] < 0 ? extent >= 1 : extent === expected[axis]));
    if (!fits) {
      const wanted = expected.map((extent) => (extent < 0 ? "*" : extent)).join(", ");
      const isBatch = extents.length === expected.length + 1 && extents.length > 1;
      const hint = isBatch ? "; a batch is not taken: pass its inputs one at a time" : "";
      throw new RangeError(`"${label}": expected shape [${wanted}], got [${extents.join(", ")}]${hint}`);
    }
  }
  for (const extent of extents) checkInteger(`${label}.shape`, extent, 1);
  if (data.length !== sizeOf(extents)) {
    throw new RangeError(
      `"${label}": expected ${sizeOf(extents)} elements for shape [${extents.join(", ")}], got ${data.length}`,
    );
  }
  checkFinite(label, data, extents);
  return { data, shape: extents };
}

/** Numbers, or rows of numbers of one length. */
function fromRows(label: string, rows: readonly unknown[]): Tensor {
  if (!Array.isArray(rows[0])) return { data: numbersOf(label, rows), shape: [rows.length] };
  const width = rows[0].length;
  const data = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    if (!Array.isArray(row)) throw wrongKind(`${label}[${i}]`, "an array of numbers", row);
    if (row.length !== width) {
      throw new RangeError(
        `"${label}[${i}]": expected ${width} numbers, as many as in the first row, got ${row.length}`,
      );
    }
    data.set(numbersOf(`${label}[${i}]`, row), i * width);
  }
  return { data, shape: [rows.length, width] };
}

function numbersOf(label: string, values: readonly unknown[]): Float64Array {
  const wrong = values.findIndex((value) => typeof value !== "number");
  if (wrong >= 0) throw wrongKind(`${label}[${wrong}]`, "a number", values[wrong]);
  return Float64Array.from(values as number[]);
}

/** Throws RangeError naming the first non-finite element. */
export function checkFinite(label: string, data: RealArray, shape: readonly number[]): void {
  const bad = firstNonFinite(data, shape);
  if (bad) throw new RangeError(`"${label}": expected finite numbers, got ${bad.value} at [${bad.index.join(", ")}]`);
}

/** The first NaN or infinity of `data`, whose first element is element `offset` of a tensor of this shape. */
export function firstNonFinite(
  data: RealArray,
  shape: readonly number[],
  offset = 0,
): { value: number; index: number[] } | undefined {
  for (let at = 0; at < data.length; at++) {
    if (Number.isFinite(data[at])) continue;
    const index: number[] = [];
    for (let axis = shape.length - 1, rest = offset + at; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]);
      rest = Math.floor(rest / shape[axis]);
    }
    return { value: data[at], index };
  }
  return undefined;
}

export function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (!signal?.aborted) return;
  if (signal.reason !== undefined) throw signal.reason;
  throw Object.assign(new Error("the operation was aborted"), { name: "AbortError" });
}

export function throwIfDisposed(what: string, disposed: boolean): void {
  if (disposed) throw new DeviceError(`this ${what} was disposed of; make a new one`);
}
