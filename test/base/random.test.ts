import { describe, expect, it } from "vitest";
import { deriveSeed, Random } from "../../src/base/random.js";

describe("Random", () => {
  it("gives the same numbers for the same seed, and others for another", () => {
    const draw = (seed: number | number[]) => Array.from(new Random(seed).fillGaussian(new Float64Array(100)));
    expect(draw(7)).toEqual(draw(7));
    expect(draw([7, 1])).toEqual(draw([7, 1]));
    expect(new Set([draw(7), draw(8), draw(-7), draw(7.5), draw([7, 1]), draw([1, 7])].map(String)).size).toBe(6);
  });

  it("gives the same integers on every machine and in every release", () => {
    const random = new Random(0);
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([3357544367, 1937779154, 1202245266]);
  });

  it("is uniform on [0, 1): chi-square over 100 cells", () => {
    const random = new Random(1);
    const draws = 200_000;
    const counts = new Float64Array(100);
    for (let i = 0; i < draws; i++) counts[Math.floor(random.uniform() * 100)]++;
    const expected = draws / 100;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeGreaterThan(50);
    expect(chiSquare).toBeLessThan(160);
  });

  it("follows the normal law: moments, tail and the Kolmogorov-Smirnov distance", () => {
    const draws = 400_000;
    const sample = new Random(2).fillGaussian(new Float64Array(draws));
    const moment = (power: number) => sample.reduce((sum, x) => sum + x ** power, 0) / draws;
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(draws));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / draws));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / draws));
    const beyond = sample.filter((x) => Math.abs(x) > 3.6541528853610088).length;
    expect(Math.abs(beyond - 2.5803e-4 * draws)).toBeLessThan(4 * Math.sqrt(2.5803e-4 * draws));
    sample.sort();
    let distance = 0;
    for (let i = 0; i < draws; i++) distance = Math.max(distance, Math.abs(normalCdf(sample[i]) - (i + 0.5) / draws));
    expect(distance).toBeLessThan(2 / Math.sqrt(draws));
  });

  it("scales by the standard deviation and fills the array that it is given", () => {
    const array = new Float32Array(50_000);
    expect(new Random(3).fillGaussian(array, 0.02)).toBe(array);
    const variance = array.reduce((sum, x) => sum + x * x, 0) / array.length;
    expect(Math.abs(Math.sqrt(variance) / 0.02 - 1)).toBeLessThan(0.02);
  });
});

describe("deriveSeed", () => {
  it("depends on every part, its kind and its order, and collides nowhere over 50257 rows", () => {
    const seeds = [
      deriveSeed(0),
      deriveSeed(0, "a", 1),
      deriveSeed(0, 1, "a"),
      deriveSeed(0, "a1"),
      deriveSeed(1, "a", 1),
    ];
    for (let row = 0; row < 50257; row++) seeds.push(deriveSeed(0, "row", row));
    expect(new Set(seeds).size).toBe(seeds.length);
    for (const seed of seeds) expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true);
  });
});

/** Φ by Simpson's rule on the density, to 1e-9. */
function normalCdf(x: number): number {
  const steps = 64;
  const h = x / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * Math.exp(-0.5 * (i * h) ** 2);
  }
  return 0.5 + (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}
