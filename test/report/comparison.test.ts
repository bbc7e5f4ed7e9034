import { expect, it } from "vitest";
import { compareReports } from "../../src/analysis/compare.js";
import { assembleReport } from "../../src/analysis/report.js";
import { toComparison } from "../../src/report/comparison.js";
import { measured, sample } from "./sample.js";

it("toComparison shows medians, ratios, what is beyond brackets, exponents, and what has no counterpart", () => {
  const a = assembleReport(
    sample.provenance,
    [2, 4, 8, 16].map((n) => measured(0, n, n)).concat({ ...measured(0, 4, 0), head: 3 }, measured(5, 2, 1)),
    true,
  );
  const provenance = { ...sample.provenance, howsmooth: "0.2.0" };
  const b = assembleReport(
    provenance,
    [2, 4, 8, 16].map((n) => measured(0, n, n ** 2)).concat({ ...measured(0, 4, 1), head: 3 }, measured(6, 4, 1)),
    true,
  );
  expect(toComparison(compareReports(a, b))).toMatchInlineSnapshot(`
    "layer  head      n  rows     sigma a     sigma b     b / a  beyond their brackets
        0   all      2     1      2.0000      4.0000     2.000  1 above of 1
        0   all      4     1      4.0000      16.000     4.000  1 above of 1
        0   all      8     1      8.0000      64.000     8.000  1 above of 1
        0   all     16     1      16.000      256.00    16.000  1 above of 1
        0   all    all     4      6.0000      40.000     5.657  4 above of 4
        0     3      4     1           0      1.0000         –  1 above of 1
        0     3    all     1           0      1.0000         –  1 above of 1

    layer 0: exponent 1.000 [1.000, 1.000] in a, 2.000 [2.000, 2.000] in b
    5 rows in both; in 5 of them the brackets do not overlap
    1 rows in a only, the first at layer 5, n 2, sample 0
    1 rows in b only, the first at layer 6, n 4, sample 0
    the reports differ in (there is a, here is b):
      provenance.howsmooth ("0.1.0" there, "0.2.0" here)
    "
  `);
});
