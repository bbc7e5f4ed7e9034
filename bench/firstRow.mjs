// How long `npm start`, built, takes to print its first row.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

const root = new URL("../", import.meta.url);

export async function firstRow() {
  const { scripts } = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
  const [, ...args] = scripts.start.split(" ");
  const start = performance.now();
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      // A row holds layer, n, sample and sigma.
      if (/\s\d+\s+\d+\s+\d+\s+\d+\.\d/.test(line))
        return { seconds: (performance.now() - start) / 1000, row: line.trim() };
    }
    throw new Error(`"${scripts.start}" ended without a row`);
  } finally {
    child.kill();
  }
}
