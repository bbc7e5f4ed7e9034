import { describe, expect, it } from "vitest";
import { parseIntegers } from "../../src/base/numerals.js";
import { formatDuration } from "../../src/cli/progress.js";
import { suggestion } from "../../src/cli/usage.js";

describe("parseIntegers", () => {
  it("reads integers and ranges, both ends included", () => {
    expect(parseIntegers("8,32,64")).toEqual([8, 32, 64]);
    expect(parseIntegers("2:10:2")).toEqual([2, 4, 6, 8, 10]);
    expect(parseIntegers("2:9:3, 0, 20:21")).toEqual([2, 5, 8, 0, 20, 21]);
    expect(parseIntegers("0")).toEqual([0]);
  });

  it("is null for anything else", () => {
    for (const text of [
      "",
      ",",
      "1,",
      "a",
      "1.5",
      "-1",
      "1e3",
      "5:1",
      "1:5:0",
      "1:2:3:4",
      "3,3",
      "1:3,2",
      "0:999999999",
    ]) {
      expect(parseIntegers(text), text).toBeNull();
    }
  });
});

it("suggestion names the nearest candidate, if it is near", () => {
  expect(suggestion("--sampels", ["--samples", "--seed"])).toBe("; did you mean --samples?");
  expect(suggestion("zzz", ["analyze", "info"])).toBe("");
  expect(suggestion("x", [])).toBe("");
});

it("formatDuration counts seconds, minutes and hours, rounded up", () => {
  expect([0, 3100, 59_999, 65_000, 3_600_000, 7_209_000].map(formatDuration)).toEqual([
    "0 s",
    "4 s",
    "1:00",
    "1:05",
    "1:00:00",
    "2:00:09",
  ]);
});
