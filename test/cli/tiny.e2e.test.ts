// The model that comes with the package, as the installed command finds it: from any folder, under its name.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { isBuilt } from "../../scripts/buildStamp.mjs";
import { parseReport } from "../../src/report/parse.js";
import { temporaryFolder } from "./harness.js";

const cli = resolve("dist/cli.js");
const built = isBuilt();

describe.skipIf(!built)(
  `analyze tiny${built ? "" : " (skipped: npm run build makes dist/cli.js of these sources)"}`,
  () => {
    it("measures the shipped model, whatever the current folder, and a report calls it by name", async () => {
      const args = [cli, ..."analyze tiny --layers 0,3 --lengths 4,16 --samples 1 --json".split(" ")];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: tmpdir() });
      expect(stderr).toBe("");
      const { provenance, rows } = parseReport(stdout);
      expect(provenance.model).toMatchObject({ source: "tiny", architecture: "gpt2", layers: 4 });
      expect(Object.keys(provenance.model.files!)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
      expect(rows.map(({ status }) => status)).toEqual(Array(4).fill("converged"));
    });

    it("agrees with the sigma recorded for it", async () => {
      const recorded = JSON.parse(readFileSync(new URL("../models/tiny.expected.json", import.meta.url), "utf8"));
      const tokens = join(await temporaryFolder(), "tokens.json");
      await writeFile(tokens, JSON.stringify(recorded.tokens));
      const flags = `--tokens ${tokens} --lengths ${recorded.tokens.length} --samples 1 --json`;
      const { stdout } = await promisify(execFile)(process.execPath, [cli, "analyze", "tiny", ...flags.split(" ")]);
      for (const { layer, sigma } of parseReport(stdout).rows) {
        expect(Math.abs(sigma! / recorded.layers[layer].sigma - 1)).toBeLessThan(2e-4);
      }
    });
  },
);
