// Rows of a run that is killed: what is on disk by then, and that the next run goes on from there.
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Checkpoint, readCheckpoint } from "../../src/cli/checkpoint.js";
import { measured, sample } from "../report/sample.js";
import { howsmooth, temporaryFolder } from "./harness.js";

const unwarned = (message: string) => expect.fail(message);

it("keeps rows while the run goes on, each once, and the ones that were resumed", async () => {
  const folder = join(await temporaryFolder(), "new");
  const checkpoint = new Checkpoint(folder, unwarned, 5);
  const [kept, first, second] = [measured(3, 2, 1), measured(0, 2, 1), measured(0, 4, 2)];
  checkpoint.begin(sample.provenance, [kept]);
  expect(await readCheckpoint(folder)).toBeUndefined();
  checkpoint.add(first);
  await checkpoint.flush();
  expect((await readCheckpoint(folder))!.rows).toEqual([kept, first]);
  checkpoint.add(second);
  checkpoint.add(kept);
  await expect.poll(async () => (await readCheckpoint(folder))!.rows.length).toBe(3);
  const report = (await readCheckpoint(folder))!;
  expect(report).toMatchObject({ provenance: sample.provenance, complete: false });
  expect(report.rows).toEqual([kept, first, second]);
  await checkpoint.end(true);
  expect(await readdir(folder)).toEqual([]);
});

it("leaves the rows where the report could not be written", async () => {
  const folder = await temporaryFolder();
  const checkpoint = new Checkpoint(folder, unwarned);
  checkpoint.begin(sample.provenance, []);
  checkpoint.add(measured(0, 2, 1));
  await checkpoint.end(false);
  expect((await readCheckpoint(folder))!.rows).toHaveLength(1);
});

it("reads rows up to the one that was cut off", async () => {
  const folder = await temporaryFolder();
  const checkpoint = new Checkpoint(folder, unwarned);
  checkpoint.begin(sample.provenance, []);
  checkpoint.add(measured(0, 2, 1));
  await checkpoint.end(false);
  await appendFile(join(folder, "checkpoint.jsonl"), '{"layer":0,"par');
  expect((await readCheckpoint(folder))!.rows).toEqual([measured(0, 2, 1)]);
  await writeFile(join(folder, "checkpoint.jsonl"), "\n{}\n");
  await expect(readCheckpoint(folder)).rejects.toThrow(/--resume: .*checkpoint.jsonl cannot be read: .*delete it/);
});

it("says once why rows cannot be kept, and goes on", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "file"), "");
  const warnings: string[] = [];
  const checkpoint = new Checkpoint(join(folder, "file"), (message) => warnings.push(message));
  checkpoint.begin(sample.provenance, []);
  for (const n of [2, 4]) {
    checkpoint.add(measured(0, n, 1));
    await checkpoint.flush();
  }
  expect(warnings).toEqual([expect.stringMatching(/^--out: rows cannot be kept .*is a file, not a folder$/)]);
  await checkpoint.end(false);
});

it("--resume goes on from a checkpoint to the bytes of a run that was never stopped", async () => {
  const [whole, killed] = [await temporaryFolder(), await temporaryFolder()];
  const args = "analyze random:gpt2 --layers 0,2 --lengths 4,8 --samples 2".split(" ");
  await howsmooth([...args, "--out", whole]);
  const { provenance, rows } = JSON.parse(await readFile(join(whole, "report.json"), "utf8"));
  const checkpoint = new Checkpoint(killed, unwarned);
  checkpoint.begin(provenance, []);
  for (const row of rows.slice(0, 5)) checkpoint.add(row);
  await checkpoint.end(false);
  let measuredNow = 0;
  const { code } = await howsmooth([...args, "--out", killed, "--resume"], {
    using: {
      async measure(...given) {
        measuredNow++;
        return (await import("../analysis/fakes.js")).fakeMeasure(...given);
      },
    },
  });
  expect([code, measuredNow]).toEqual([0, 3]);
  expect((await readdir(killed)).sort()).toEqual(["report.csv", "report.html", "report.json", "report.svg"]);
  expect(await readFile(join(killed, "report.json"), "utf8")).toBe(await readFile(join(whole, "report.json"), "utf8"));
});
