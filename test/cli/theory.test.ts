// howsmooth bounds and howsmooth reproduce, in process on the real engine.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { figureNames } from "../../src/figures/index.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { loadModel, randomModel } from "../../src/models/index.js";
import { howsmooth, temporaryFolder } from "./harness.js";

const using = { createRuntime, loadModel, randomModel, measure: localLipschitz };

describe("howsmooth reproduce <figure> --quick", () => {
  it.each(figureNames)("%s writes JSON, SVG and a paragraph, and prints the paragraph", async (name) => {
    const out = join(await temporaryFolder(), "made", "here");
    const model = name === "castin-text" ? " tiny" : "";
    const { code, stdout, stderr } = await howsmooth(`reproduce ${name}${model} --quick --out ${out}`, { using });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `howsmooth: wrote ${name}.json, ${name}.md, ${name}.svg into ${out}\n`,
    });
    expect(readdirSync(out).sort()).toEqual([`${name}.json`, `${name}.md`, `${name}.svg`]);
    expect(readFileSync(join(out, `${name}.md`), "utf8")).toBe(stdout);
    expect(readFileSync(join(out, `${name}.svg`), "utf8")).toMatch(/^<svg /);
    expect(JSON.parse(readFileSync(join(out, `${name}.json`), "utf8"))).toMatchObject({
      name,
      runtime: { dtype: "f64" },
      settings: { quick: true, seed: 0 },
    });
  });

  it("--json prints the JSON that it writes; the seed is the command line's", async () => {
    const out = await temporaryFolder();
    const { stdout } = await howsmooth(`reproduce kim-inverse --quick --json --seed 5 --out ${out}`, { using });
    expect(stdout).toBe(readFileSync(join(out, "kim-inverse.json"), "utf8"));
    expect(JSON.parse(stdout).settings.seed).toBe(5);
  });

  it("writes nothing where it cannot finish", async () => {
    const out = await temporaryFolder();
    const { code, stderr } = await howsmooth(`reproduce castin-text ./missing --quick --out ${out}`, { using });
    expect(code).toBe(1);
    expect(stderr).toContain("missing");
    expect(readdirSync(out)).toEqual([]);
  });
});

describe("howsmooth bounds", () => {
  it("prints a row for each layer and length, and every bound as JSON", async () => {
    const table = await howsmooth("bounds tiny --layers 0,1 --lengths 4,8", { using });
    expect({ code: table.code, stderr: table.stderr }).toEqual({ code: 0, stderr: "" });
    const lines = table.stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^layer +n +sigma/);

    const json = await howsmooth("bounds tiny --layers 0,1 --lengths 4,8 --json", { using });
    const { rows, settings } = JSON.parse(json.stdout);
    expect(settings).toMatchObject({ layers: [0, 1], lengths: [4, 8], text: "a text of ours" });
    expect(rows).toHaveLength(4);
    for (const { sigma, local, ball, normalized } of rows) {
      expect(local.value).toBeGreaterThan(sigma);
      expect(ball.anyMask).toMatchObject({ kind: "upper", scope: "ball" });
      expect(normalized.value).toBeLessThanOrEqual(ball.anyMask.value);
    }
  });
});
