// Comparison of tensors, relative to the largest entry expected.
import { expect } from "vitest";
import type { Tensor } from "../../src/base/tensor.js";

export function expectClose(actual: Tensor, expected: Tensor, tolerance: number): void {
  expect(actual.data.length).toBe(expected.data.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.data.length; i++) {
    difference = Math.max(difference, Math.abs(actual.data[i] - expected.data[i]));
    norm = Math.max(norm, Math.abs(expected.data[i]));
  }
  expect(difference).toBeLessThan(tolerance * norm);
}
