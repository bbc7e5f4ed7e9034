// The command as it is installed: dist/cli.js in a process of its own, on real models.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isBuilt } from "../../scripts/buildStamp.mjs";
import { version } from "../../src/base/version.js";
import { toCSV } from "../../src/report/csv.js";
import { parseReport } from "../../src/report/parse.js";
import { toTable } from "../../src/report/table.js";
import { temporaryFolder } from "./harness.js";

const cli = "dist/cli.js";
const built = isBuilt();

function start(args: string): {
  child: ChildProcess;
  result: Promise<{ code: number | null; stdout: string; stderr: string }>;
} {
  const child = spawn(process.execPath, [cli, ...args.split(" ")], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data) => (output.stdout += data));
  child.stderr?.on("data", (data) => (output.stderr += data));
  const result = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
  return { child, result };
}

const howsmooth = (args: string) => start(args).result;

describe.skipIf(!built)(`dist/cli.js${built ? "" : " (skipped: npm run build makes it of these sources)"}`, () => {
  it("shows its version and what it computes on", async () => {
    expect(await howsmooth("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const { code, stdout } = await howsmooth("info --json --dtype f64");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ howsmooth: version, runtime: { device: "wasm", dtype: "f64" } });
  });

  it("measures a random GPT-2, and its files, its table and --json agree", async () => {
    const out = join(await temporaryFolder(), "report");
    const args = "analyze random:gpt2 --layers 0 --lengths 2,4,8 --samples 1";
    const table = await howsmooth(`${args} --out ${out}`);
    const json = await howsmooth(`${args} --json`);
    expect([table.code, table.stderr, json.code, json.stderr]).toEqual([0, "", 0, ""]);
    const report = parseReport(json.stdout);
    expect(await readFile(join(out, "report.json"), "utf8")).toBe(json.stdout);
    expect(await readFile(join(out, "report.csv"), "utf8")).toBe(toCSV(report));
    expect(table.stdout).toBe(toTable(report));

    expect(report.complete).toBe(true);
    for (const { status, sigma, lower, upper, radius } of report.rows) {
      expect(status).toBe("converged");
      expect(lower!).toBeLessThanOrEqual(sigma! * (1 + 1e-6));
      expect(upper!).toBeGreaterThanOrEqual(sigma!);
      // Layer norm puts tokens on a sphere of radius √768, or just inside.
      expect(radius!).toBeGreaterThan(0.98 * Math.sqrt(768));
      expect(radius!).toBeLessThanOrEqual(Math.sqrt(768) * (1 + 1e-6));
    }
  });

  it("stops at Ctrl-C with exit code 130 and a report of the rows so far", async () => {
    const out = join(await temporaryFolder(), "report");
    const { child, result } = start(
      `analyze random:gpt2 --layers 0 --lengths 8 --samples 5000 --windows random --out ${out}`,
    );
    let [seen, sent] = ["", false];
    child.stdout?.on("data", (data) => {
      seen += data;
      if (!sent && seen.includes("converged")) sent = child.kill("SIGINT");
    });
    const { code, stderr } = await result;
    expect([code, stderr]).toEqual([130, expect.stringMatching(/howsmooth: interrupted by Ctrl-C\n$/)]);
    const report = parseReport(await readFile(join(out, "report.json"), "utf8"));
    expect(report.complete).toBe(false);
    expect(report.rows.length).toBeGreaterThan(0);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("stops at %s with exit code %i and a report of the rows so far", async (signal, expected) => {
    const out = join(await temporaryFolder(), "report");
    const { child, result } = start(`analyze tiny --layers 0 --lengths 8 --samples 5000 --windows random --out ${out}`);
    child.stdout?.once("data", () => child.kill(signal));
    const { code, stderr } = await result;
    expect([code, stderr]).toEqual([expected, expect.stringContaining(`howsmooth: interrupted by ${signal}\n`)]);
    expect(parseReport(await readFile(join(out, "report.json"), "utf8")).complete).toBe(false);
  });

  it("stops at Ctrl-C while it walks through layers that are not asked for", async () => {
    const { child, result } = start("analyze random:gpt2 --layers 11 --lengths 96 --samples 100 --windows random");
    const sent = await new Promise<number>((resolve) => {
      child.stdout?.once("data", () => setTimeout(() => resolve(child.kill("SIGINT") ? Date.now() : Number.NaN), 500));
    });
    const { code, stdout } = await result;
    expect(code).toBe(130);
    expect(stdout).not.toContain("converged");
    // The walk takes most of a minute, a step of it well under a second.
    expect(Date.now() - sent).toBeLessThan(10_000);
  });

  /** Its reader leaves after the first line. */
  async function unread(args: string) {
    const { child, result } = start(args);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { code, stderr } = await result;
    return [code, stderr];
  }

  it("ends quietly when its reader has seen enough and nothing else was asked for", async () => {
    expect(await unread("analyze random:gpt2 --layers 0 --lengths 4 --samples 50")).toEqual([141, ""]);
  });

  it("stops printing, and not the run, when its reader leaves: the files are written and the gate decides", async () => {
    const args = "analyze tiny --layers 0,3 --lengths 2,4,8,16,32,64 --samples 5";
    const out = join(await temporaryFolder(), "report");
    expect(await unread(`${args} --out ${out}`)).toEqual([0, ""]);
    expect(parseReport(await readFile(join(out, "report.json"), "utf8")).complete).toBe(true);
    const [code, stderr] = await unread(`${args} --fail-above 0.001`);
    expect([code, stderr]).toEqual([3, expect.stringContaining("--fail-above 0.001: 60 of 60 rows are above")]);
  });

  it.skipIf(!existsSync("/dev/full"))(
    "says that stdout's disk is full, and writes its files all the same",
    async () => {
      const out = join(await temporaryFolder(), "report");
      const full = openSync("/dev/full", "w");
      try {
        const args = `analyze tiny --layers 0 --lengths 2,4 --samples 2 --out ${out}`.split(" ");
        const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", full, "pipe"] });
        let stderr = "";
        child.stderr?.on("data", (data) => (stderr += data));
        const code = await new Promise((resolve) => child.on("close", resolve));
        expect([code, stderr]).toEqual([
          1,
          "howsmooth: stdout: no space left on the disk; what was to be printed is lost\n",
        ]);
        expect(parseReport(await readFile(join(out, "report.json"), "utf8")).complete).toBe(true);
      } finally {
        closeSync(full);
      }
    },
  );

  it("shows what a hostile file says, and lets it steer nothing", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "config.json"), "\x1b]0;PWNED\x07\x9b31m\nhowsmooth: all fine");
    const { code, stderr } = await howsmooth(`analyze ${folder}`);
    expect(code).toBe(1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(stderr).toMatch(/^howsmooth: [^\x00-\x1f\x7f-\x9f]*\n$/);
  });

  it("measures in workers what it measures in one thread, byte for byte, heads included", async () => {
    const args = "analyze ./models/tiny --layers 0,1 --heads --lengths 4,16 --samples 2 --json";
    const alone = await howsmooth(args);
    const inWorkers = await howsmooth(`${args} --threads 3`);
    expect(inWorkers).toEqual(alone);
    expect([alone.code, parseReport(alone.stdout).rows.some(({ head }) => head === 1)]).toEqual([0, true]);
  });

  it("goes on after Ctrl-C, in workers too, to the files of an uninterrupted run", async () => {
    const folder = await temporaryFolder();
    const args = "analyze ./models/tiny --layers 0,1 --lengths 4,8,16 --samples 8 --threads 2";
    await howsmooth(`${args} --out ${join(folder, "whole")}`);
    const out = join(folder, "resumed");
    const { child, result } = start(`${args} --out ${out}`);
    let sent = false;
    child.stdout?.on("data", (data) => {
      if (!sent && String(data).includes("converged")) sent = child.kill("SIGINT");
    });
    expect((await result).code).toBe(130);
    expect((await howsmooth(`${args} --out ${out} --resume`)).code).toBe(0);
    for (const name of ["report.json", "report.csv", "report.svg", "report.html"]) {
      const [there, here] = await Promise.all(
        ["whole", "resumed"].map((of) => readFile(join(folder, of, name), "utf8")),
      );
      expect(here).toBe(there);
    }
  });

  it("says in one line what is wrong, without a stack trace", async () => {
    const missing = await howsmooth("analyze ./no-such-model");
    expect(missing).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(/^howsmooth: .*no-such-model.*\n$/) });
    expect((await howsmooth("analyze random:gpt2 --lenghts 8")).code).toBe(2);
    const webgpu = await howsmooth("analyze random:gpt2 --device webgpu");
    expect(webgpu).toEqual({ code: 1, stdout: "", stderr: expect.stringMatching(/^howsmooth: .*webgpu.*\n$/) });
  });
});

const folder = "../shared/data/stories260k";
const text = "../shared/data/alice29.txt";
const there = built && existsSync(folder) && existsSync(text);

describe.skipIf(!there)(
  `stories260k on Alice${there ? "" : " (skipped: no dist/cli.js, or not in ../shared/data)"}`,
  () => {
    it("measures both layers at all lengths, and the gate judges the upper bounds", async () => {
      const args = `analyze ${folder} --text ${text} --layers 0,4 --lengths 8,16,32,64 --samples 2 --windows first --json`;
      const { code, stdout, stderr } = await howsmooth(`${args} --fail-above 3`);
      const report = parseReport(stdout);
      expect(report.rows.map(({ layer, n, start }) => [layer, n, start])).toEqual(
        [0, 4].flatMap((layer) =>
          [8, 16, 32, 64].flatMap((n) => [
            [layer, n, 0],
            [layer, n, n],
          ]),
        ),
      );
      // Two windows a length say nothing of how layer 4 grows.
      expect(report.fits.map(({ layer }) => layer)).toEqual([0]);
      expect(Object.keys(report.provenance.model.files!)).toContain("model.safetensors");
      const worst = report.rows.reduce((a, b) => (a.upper! > b.upper! ? a : b));
      expect(worst.upper).toBeGreaterThan(3);
      expect([code, stderr]).toEqual([
        3,
        expect.stringContaining(`layer ${worst.layer}, n ${worst.n}, sample ${worst.sample}`),
      ]);
    });
  },
);
