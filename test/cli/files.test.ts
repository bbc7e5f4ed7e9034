import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeFiles } from "../../src/cli/files.js";
import { temporaryFolder } from "./harness.js";

it("writes all files of a report or none: what was there comes back when one cannot take its place", async () => {
  const folder = await temporaryFolder();
  await writeFiles(folder, { a: "1", b: "1" });
  await mkdir(join(folder, "c"));
  await writeFile(join(folder, "c", "inside"), "");
  // A rename onto a folder that is not empty is refused, after a and b were replaced.
  const locked = { a: "2", b: "2", ["missing/c"]: "2" };
  await expect(writeFiles(folder, locked)).rejects.toThrow(/--out: cannot write into .*no such file or folder/);
  expect(await readFile(join(folder, "a"), "utf8")).toBe("1");
  expect(await readFile(join(folder, "b"), "utf8")).toBe("1");
  expect((await readdir(folder)).sort()).toEqual(["a", "b", "c"]);
  await writeFiles(folder, { a: "3", b: "3" });
  expect(await readFile(join(folder, "a"), "utf8")).toBe("3");
  expect((await readdir(folder)).sort()).toEqual(["a", "b", "c"]);
});
