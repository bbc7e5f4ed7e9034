// What a user has after `npm install howsmooth`: the tarball of `npm pack`, unpacked into a project of its own.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { consumer, evidence, packages, root } from "./places.js";

export default function setup(): void {
  if (!existsSync(`${root}dist/index.js`)) throw new Error("dist/ is not built; npm run build");
  if (!existsSync(packages)) throw new Error("the runtimes are not installed; npm install --prefix test/runtimes");
  rmSync(evidence, { recursive: true, force: true });
  rmSync(consumer, { recursive: true, force: true });
  mkdirSync(consumer, { recursive: true });
  cpSync(`${root}test/runtimes/programs`, consumer, { recursive: true });
  writeFileSync(`${consumer}package.json`, JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const [packed] = JSON.parse(npm(root, "pack", "--json", "--ignore-scripts", "--pack-destination", consumer));
  npm(consumer, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", `./${packed.filename}`);
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync("npm", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
