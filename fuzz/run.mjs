// Runs a range of cases for fuzz.mjs, which reads from a file which one is at work, and may end this process.
import { mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const { bundle, root, current, seed, from, to } = JSON.parse(process.argv[2]);
// The tokenizers' package warns of every second tokenizer.json.
console.warn = () => {};
const place = openSync(current, "r+");

const fuzz = await import(bundle)
  .then(({ Fuzz }) => Fuzz.open(root))
  .catch((error) => {
    console.error(error);
    process.exit(2);
  });
let counts = { accepted: 0, refused: 0 };
let slowest = { milliseconds: 0, index: from };
for (let index = from; index < to; index++) {
  writeSync(place, String(index), 0);
  const start = performance.now();
  const item = fuzz.case(seed, index);
  // Only those of a finding stay; but a case that ends this process can keep nothing afterwards.
  const kept = to === from + 1 ? keep(index, item.files) : undefined;
  try {
    counts[await item.run()]++;
    if (kept) rmSync(kept, { recursive: true });
  } catch (error) {
    keep(index, item.files);
    const frames = String(error?.stack).split("\n").slice(1, 4).join("\n");
    process.send({ finding: { index, message: `${item.seed}: ${error}\n${frames}` } });
  }
  const milliseconds = performance.now() - start;
  if (milliseconds > slowest.milliseconds) slowest = { milliseconds, index };
  if (index % 1000 === 999) {
    process.send({ counts, slowest, done: false });
    counts = { accepted: 0, refused: 0 };
  }
}
process.send({ counts, slowest, done: true }, () => process.exit());

/** Writes the files of a case where a person can look at them, and make a regression test of them. */
function keep(index, files) {
  const folder = join(root, "build", "fuzz-findings", `${seed}-${index}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  return folder;
}
