import { expect, it } from "vitest";
import { toCSV } from "../../src/report/csv.js";
import { failed, sample } from "./sample.js";

it("toCSV writes a header and one record a row, ended by CRLF, with quotes where RFC 4180 asks for them", () => {
  const csv = toCSV(sample);
  const [header, first] = csv.split("\r\n");
  expect(header).toBe(
    "layer,head,n,sample,start,sigma,lower,upper,failureProbability,status,steps,applications,radius,seed,part,accuracy,certified,relative,key,error",
  );
  expect(first).toBe("0,,2,0,0,0.5,0.49995,0.52,0.000001,converged,12,24,27.7128,123,attention,0.01,true,1.5,0-2-0.5,");
  expect(
    csv.endsWith('6,,8,0,0,,,,,failed,,,,9,attention,,,,,"out of memory: ""scores"", needs 10 bytes\nand more"\r\n'),
  ).toBe(true);
  expect(csv.match(/\r\n/g)).toHaveLength(1 + sample.rows.length);
});

it("toCSV marks texts that a spreadsheet would take for formulas, and no numbers", () => {
  for (const error of ["=cmd|' /c calc'!A1", "+1", "-1", "@x", "\tx"]) {
    const csv = toCSV({ ...sample, rows: [{ ...failed, error }] });
    expect(csv).toMatch(/,"?'[=+\-@\t][^\n]*"?\r\n$/);
  }
  expect(toCSV({ ...sample, rows: [{ ...failed, error: "a=b" }] })).toMatch(/,a=b\r\n$/);
});
