import { expect } from "vitest";
import { Random } from "../../../src/base/random.js";

/** Bytes that differ from place to place. */
export function noise(length: number): Uint8Array {
  const random = new Random(3);
  return Uint8Array.from({ length }, () => random.uint32());
}

/** Quicker than toEqual on many bytes. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(actual.findIndex((byte, at) => byte !== expected[at])).toBe(-1);
}
