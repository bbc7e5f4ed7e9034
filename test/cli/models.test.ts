// Which models the command opens, by its first argument.
import { describe, expect, it } from "vitest";
import type { RandomArchitecture } from "../../src/models/index.js";
import { fakeModel } from "../analysis/fakes.js";
import { howsmooth } from "./harness.js";

const sweep = "--layers 0 --lengths 2 --samples 1 --json";

describe("random models", () => {
  it.each(["gpt2", "bert", "llama"])("random:%s is made, with the seed", async (architecture) => {
    const made: [RandomArchitecture, number][] = [];
    const using = {
      randomModel: (architecture: RandomArchitecture, { seed = 0 }: { seed?: number }) => {
        made.push([architecture, seed]);
        return fakeModel();
      },
    };
    expect((await howsmooth(`analyze random:${architecture} --seed 3 ${sweep}`, { using })).code).toBe(0);
    expect(made).toEqual([[architecture, 3]]);
  });

  it("others are refused before anything is made", async () => {
    const { code, stderr } = await howsmooth(`analyze random:mamba ${sweep}`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/unknown random model random:mamba/);
  });
});

describe("a model that reads images", () => {
  it("is refused by name", async () => {
    const model = fakeModel();
    const image = { channels: 3, height: 12, width: 12 };
    const vit = { ...model, config: { ...model.config, architecture: "vit" as const, vocabulary: 0, image } };
    const using = { loadModel: async () => vit };
    const { code, stdout, stderr } = await howsmooth(`analyze ./vit ${sweep}`, { using });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/this vit model reads images, not text or tokens; measure it in a program/);
  });
});
