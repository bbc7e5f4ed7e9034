import { describe, expect, it } from "vitest";
import { version } from "../../src/base/version.js";
import { howsmooth } from "./harness.js";

describe("howsmooth", () => {
  it("--help, -h and help name every command", async () => {
    for (const args of ["--help", "-h", "help"]) {
      const { code, stdout, stderr } = await howsmooth(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/howsmooth analyze <model>[\s\S]*howsmooth compare <a> <b>[\s\S]*howsmooth info/);
    }
  });

  it("<command> --help lists every flag, whatever else is given", async () => {
    const { code, stdout } = await howsmooth("analyze --samples 0 --help");
    expect(code).toBe(0);
    for (const flag of "text tokens layers heads lengths samples bos rtol bracket device dtype threads seed out resume json fail-above baseline fail-growth".split(
      " ",
    )) {
      expect(stdout).toContain(`--${flag}`);
    }
    expect((await howsmooth("info -h")).stdout).toContain("--device");
  });

  it("analyze --help names every source of a model, and what the environment says", async () => {
    const { stdout } = await howsmooth("analyze --help");
    for (const source of ["a folder", "tiny", "random:gpt2", "owner/name[@revision]", "http(s)://"]) {
      expect(stdout).toContain(`  ${source}`);
    }
    for (const name of ["HF_ENDPOINT", "HF_TOKEN", "HOWSMOOTH_CACHE"]) expect(stdout).toContain(`  ${name}`);
    expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  it("--version prints the version", async () => {
    expect(await howsmooth("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each([
    ["", /which command\?/],
    ["analyse random:gpt2", /unknown command analyse; did you mean analyze\?/],
    ["frobnicate", /unknown command frobnicate\nTry howsmooth --help/],
    ["--verison", /unknown flag --verison; did you mean --version\?/],
    ["bounds", /which model\?/],
    ["bounds random:gpt2 extra", /expected one model, got 1 more: extra/],
    ["bounds random:gpt2 --layers 4", /--layers: this model has layers 0 to 3, got 4/],
    ["bounds random:gpt2 --lengths 0", /--lengths: expected lengths of at least 1, got 0/],
    ["reproduce", /which figure\? One of bound-gap, castin-adversarial/],
    ["reproduce kim-tightnes", /unknown figure kim-tightnes; did you mean kim-tightness\?/],
    ["reproduce kim-tightness tiny", /expected no argument after kim-tightness, got tiny/],
    ["reproduce kim-tightness --layers 0", /--layers is of castin-text only/],
    ["reproduce castin-text", /which model\?/],
    ["info extra", /expected no argument, got extra\nTry howsmooth info --help/],
    ["analyze", /which model\?/],
    ["analyze random:gpt2 other", /expected one model, got 1 more: other/],
    ["analyze random:gpt3", /unknown random model random:gpt3; did you mean random:gpt2\?/],
    ["analyze random:gpt2 --lenghts 8", /unknown flag --lenghts; did you mean --lengths\?/],
    ["analyze random:gpt2 -x", /unknown flag -x/],
    ["analyze random:gpt2 --toString", /unknown flag --toString/],
    ["analyze random:gpt2 --heads=3", /--heads takes no value/],
    ["analyze random:gpt2 --threads 0", /--threads: expected auto or an integer from 1 to 256, got "0"/],
    ["analyze random:gpt2 --threads many", /--threads: expected auto or an integer/],
    ["analyze random:gpt2 --baseline old.json", /--baseline FILE and --fail-growth X belong together/],
    ["analyze random:gpt2 --fail-growth 1.2", /--baseline FILE and --fail-growth X belong together/],
    ["analyze random:gpt2 --baseline old.json --fail-growth 0", /--fail-growth: expected a number above 0, got "0"/],
    ["analyze random:gpt2 --resume", /--resume goes on from the report in --out DIR/],
    ["compare a.json", /expected two reports, got 1\nTry howsmooth compare --help/],
    ["compare a.json b.json c.json", /expected two reports, got 3/],
    ["info --threads 2", /unknown flag --threads/],
    ["analyze random:gpt2 --lengths", /--lengths needs a value: --lengths LIST/],
    ["analyze random:gpt2 --out --json", /--out needs a value/],
    ["analyze random:gpt2 --out=", /--out: expected a path/],
    ["analyze random:gpt2 --json=yes", /--json takes no value, got "yes"/],
    ["analyze random:gpt2 --seed 1 --seed 2", /--seed is given twice/],
    ["analyze random:gpt2 --lengths 8,,16", /--lengths: expected integers and ranges.*got "8,,16"/],
    ["analyze random:gpt2 --lengths 8,8", /--lengths: expected.*each integer once/],
    ["analyze random:gpt2 --lengths 0,8", /--lengths: expected lengths of at least 1, got 0/],
    ["analyze random:gpt2 --lengths 100:2:2", /--lengths: expected/],
    ["analyze random:gpt2 --layers -1", /--layers: expected integers.*got "-1"/],
    ["analyze random:gpt2 --samples 1.5", /--samples: expected an integer from 1 to 100000, got "1.5"/],
    ["analyze random:gpt2 --samples 0x10", /--samples: expected an integer from 1 to 100000/],
    ["analyze random:gpt2 --seed -1", /--seed: expected an integer from 0, got "-1"/],
    ["analyze random:gpt2 --rtol 1", /--rtol: expected a number above 0 and below 1, got "1"/],
    ["analyze random:gpt2 --bracket x", /--bracket: expected a number above 0, got "x"/],
    ["analyze random:gpt2 --device tpu", /--device: expected one of auto, wasm, webgpu, got "tpu"/],
    ["analyze random:gpt2 --dtype f16", /--dtype: expected one of f32, f64, got "f16"/],
    ["analyze random:gpt2 --fail-above -5", /--fail-above: expected a number of at least 0/],
    ["analyze random:gpt2 --text a --tokens b", /either --text or --tokens/],
    ["analyze random:gpt2 --layers 0,4", /--layers: this model has layers 0 to 3, got 4/],
    ["analyze random:gpt2 --lengths 64,65", /--lengths: this model takes at most 64 tokens, got 65/],
  ])("%j is a wrong usage: exit code 2, said on stderr, nothing on stdout", async (args, message) => {
    const { code, stdout, stderr } = await howsmooth(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^howsmooth: .*\nTry howsmooth.* --help\.\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("errors have no stack trace unless HOWSMOOTH_DEBUG=1", async () => {
    const args = "analyze ./missing";
    expect(await howsmooth(args)).toEqual({ code: 1, stdout: "", stderr: "howsmooth: ./missing: no such folder\n" });
    const { stderr } = await howsmooth(args, { env: { HOWSMOOTH_DEBUG: "1" } });
    expect(stderr).toMatch(/\n +at .*harness/);
  });
});

describe("howsmooth info", () => {
  it("shows versions and the runtime, as text and as JSON", async () => {
    const { code, stdout } = await howsmooth("info --dtype f64");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^howsmooth +\d+\.\d+\.\d+\nnode +\d+/);
    expect(stdout).toMatch(/^device +wasm$/m);
    expect(stdout).toMatch(/^reason +no WebGPU here$/m);
    expect(stdout).toMatch(/^dtype +f64$/m);
    const json = JSON.parse((await howsmooth("info --json")).stdout);
    expect(json).toMatchObject({ howsmooth: version, node: process.versions.node, runtime: { device: "wasm" } });
  });

  it("passes on why a device can't be had", async () => {
    const using = { createRuntime: () => Promise.reject(new Error("no WebGPU adapter")) };
    expect(await howsmooth("info --device webgpu", { using })).toEqual({
      code: 1,
      stdout: "",
      stderr: "howsmooth: no WebGPU adapter\n",
    });
  });
});
