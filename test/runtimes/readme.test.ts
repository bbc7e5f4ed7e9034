// The README's table of runtimes says what the other tests have just proven; versions may be newer.
import { expect, it } from "vitest";
import { readRows } from "../../scripts/readme.mjs";
import { provenRows } from "../../scripts/runtimes.mjs";
import { everything, missingOf } from "./machine.js";

const withoutVersion = ([runtime, , ...cells]: string[]) => [runtime, ...cells];

it("README.md has a row for each runtime with all that it has proven (else: node scripts/runtimes.mjs --readme)", async () => {
  const proven = (await provenRows()).map(withoutVersion);
  const stated = (await readRows("runtimes")).map(withoutVersion);
  expect(proven.length).toBeGreaterThan(0);
  if (missingOf(everything).length === 0) expect(stated).toEqual(proven);
  else expect(stated.map(([runtime]) => runtime)).toEqual(expect.arrayContaining(proven.map(([runtime]) => runtime)));
});
