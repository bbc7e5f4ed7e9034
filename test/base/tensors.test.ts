// What is taken for a tensor: plain data of any realm, nested arrays, a batch of one.
import { createContext, runInContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { checkTensor } from "../../src/base/check.js";

describe("checkTensor", () => {
  it.each(["Float32Array", "Float64Array"])("takes a %s of another realm, over the same memory", (kind) => {
    const value = runInContext(`({ data: new ${kind}([1, 2, 3, 4]).subarray(1), shape: [1, 3] })`, createContext({}));
    const { data } = checkTensor("x", value, [-1, 3]);
    expect([...data]).toEqual([2, 3, 4]);
    value.data[0] = 7;
    expect(data[0]).toBe(7);
  });

  it("takes numbers in rows, and in one row", () => {
    expect(
      checkTensor(
        "x",
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        [-1, 2],
      ),
    ).toEqual({
      data: Float64Array.of(1, 2, 3, 4, 5, 6),
      shape: [3, 2],
    });
    expect(checkTensor("bias", [1, 2], [2])).toEqual({ data: Float64Array.of(1, 2), shape: [2] });
  });

  it("leaves out a batch of one, and refuses any other", () => {
    const data = new Float32Array(12);
    expect(checkTensor("x", { data, dims: [1, 3, 4] }, [-1, 4]).shape).toEqual([3, 4]);
    expect(() => checkTensor("x", { data, dims: [2, 2, 3] }, [-1, 3])).toThrow(
      /^"x": expected shape \[\*, 3\], got \[2, 2, 3\]; a batch is not taken: pass its inputs one at a time$/,
    );
  });

  it.each([
    [[[1, 2], [3]], /^"x\[1\]": expected 2 numbers, as many as in the first row, got 1$/],
    [[[1, 2], 3], /^"x\[1\]": expected an array of numbers, got 3$/],
    [[[1, "2"]], /^"x\[0\]\[1\]": expected a number, got "2"$/],
    [[[1, Number.NaN]], /^"x": expected finite numbers, got NaN at \[0, 1\]$/],
    [[], /^"x.shape": expected an integer of at least 1, got 0$/],
    [
      { data: new Int32Array(2), shape: [1, 2] },
      /^"x.data": expected a Float32Array or Float64Array, got an object of type Int32Array$/,
    ],
  ])("refuses %j", (value, message) => {
    expect(() => checkTensor("x", value)).toThrow(message);
  });
});
