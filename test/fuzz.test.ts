// A short run of `npm run fuzz` (fuzz/), always the same cases.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Fuzz } from "../fuzz/cases.js";

const cases = 2500;
let fuzz: Fuzz;

beforeAll(async () => {
  // The tokenizers' package warns of what it doesn't know.
  vi.spyOn(console, "warn").mockImplementation(() => {});
  fuzz = await Fuzz.open(fileURLToPath(new URL("..", import.meta.url)));
});

afterAll(() => {
  fuzz.dispose();
  vi.restoreAllMocks();
});

describe("mutated models and reports", () => {
  it("are refused by the documented errors, or work", async () => {
    const tally = { accepted: 0, refused: 0 };
    for (let index = 0; index < cases; index++) {
      const { seed, run } = fuzz.case(0, index);
      const outcome = await run().catch((error) => {
        throw new Error(`case ${index} (${seed}): ${error}`, { cause: error });
      });
      tally[outcome]++;
    }
    // Mutations that only ever break the first thing looked at would prove little.
    expect(tally.accepted).toBeGreaterThan(cases / 20);
    expect(tally.refused).toBeGreaterThan(cases / 2);
  });

  it("repeat by seed and number", () => {
    expect(fuzz.case(1, 7).files).toEqual(fuzz.case(1, 7).files);
    expect(fuzz.case(1, 7).files).not.toEqual(fuzz.case(1, 8).files);
  });
});
