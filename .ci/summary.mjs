// Adds up what vitest and as-pect say in a log; the last line is `N passed, N failed, N skipped`.
import { readFileSync } from "node:fs";

const [log, status] = process.argv.slice(2);
const colour = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const lines = readFileSync(log, "utf8").replace(colour, "").split("\n");
const total = { passed: 0, failed: 0, skipped: 0 };
for (const line of lines) {
  const vitest = line.match(/^\s*Tests\s+(.*\d+ (?:passed|failed|skipped).*)$/);
  if (vitest) {
    for (const [, count, kind] of vitest[1].matchAll(/(\d+) (passed|failed|skipped)/g)) total[kind] += Number(count);
  }
  const asPect = line.match(/^\s*\[Tests\]: (\d+) \/ (\d+)/);
  if (asPect) {
    total.passed += Number(asPect[1]);
    total.failed += Number(asPect[2]) - Number(asPect[1]);
  }
}
const failed = status !== "0" || total.failed > 0 || total.passed === 0;
if (failed && total.failed === 0) total.failed = 1;
if (failed) console.log("CI failed: see the first error above");
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = failed ? 1 : 0;
