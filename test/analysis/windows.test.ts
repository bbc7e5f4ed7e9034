import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutWindows, type WindowPlan } from "../../src/analysis/windows.js";

const stream = Array.from({ length: 1000 }, (_, at) => at);

describe("cutWindows", () => {
  it("spreads windows evenly over the whole stream, or puts them one after the other", () => {
    const plan = { lengths: [10], samples: 4, seed: 0 };
    const starts = (rule: WindowPlan["rule"]) => cutWindows(stream, { ...plan, rule }).map(({ start }) => start);
    expect(starts("spread")).toEqual([0, 250, 500, 750]);
    expect(starts("first")).toEqual([0, 10, 20, 30]);
    expect(new Set(starts("random")).size).toBe(4);
  });

  it("cuts n tokens from where it says, within the stream, none twice within a length", () => {
    const rule = fc.constantFrom<WindowPlan["rule"]>("spread", "first", "random");
    const plan = fc.record({
      rule,
      room: fc.integer({ min: 1, max: 1000 }),
      samples: fc.integer({ min: 1, max: 30 }),
      length: fc.integer({ min: 1, max: 100 }),
      bos: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(plan, ({ rule, room, samples, length, bos, seed }) => {
        const short = stream.slice(0, room);
        const asked = {
          lengths: [length],
          samples,
          rule,
          seed,
          ...(bos ? { frame: { size: 1, around: (tokens: readonly number[]) => [-1, ...tokens] } } : {}),
        };
        const taken = length - (bos ? 1 : 0);
        const needed = rule === "random" ? taken : rule === "first" ? (samples - 1) * length + taken : samples * taken;
        if (needed > room) {
          expect(() => cutWindows(short, asked)).toThrow(`the text has ${room} tokens`);
          return;
        }
        const windows = cutWindows(short, asked);
        for (const { start, tokens } of windows) {
          const words = short.slice(start, start + taken);
          expect(tokens).toEqual(bos ? [-1, ...words] : words);
          expect(tokens).toHaveLength(length);
        }
        if (rule === "random") return;
        const all = windows.flatMap(({ tokens }) => tokens).filter((token) => token >= 0);
        expect(new Set(all).size).toBe(all.length);
      }),
    );
  });

  it("draws random windows by the seed, the length and the sample alone", () => {
    const plan = { lengths: [10, 20], samples: 5, rule: "random" as const, seed: 3 };
    const all = cutWindows(stream, plan);
    expect(cutWindows(stream, { ...plan, lengths: [20], samples: 2 })).toEqual(
      all.filter(({ n, sample }) => n === 20 && sample < 2),
    );
    expect(cutWindows(stream, { ...plan, seed: 4 })).not.toEqual(all);
  });
});
