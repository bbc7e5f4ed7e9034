// What dist/ was built from: the hash of every source file, written beside the kernels after a build, so that suites
// that run dist/ can tell that it is stale.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = new URL("..", import.meta.url).pathname;
const stamp = join(root, "build/dist.sha256");

/** Of src/, assembly/ and what builds them. */
export function hashOfSources() {
  const hash = createHash("sha256");
  const files = ["src", "assembly"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("wasm/kernels"))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  for (const file of [...files.sort(), join(root, "rollup.config.mjs"), join(root, "package.json")]) {
    hash.update(file.slice(root.length)).update("\0").update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** Whether dist/ is what these sources make. */
export function isBuilt() {
  if (!existsSync(stamp) || !existsSync(join(root, "dist/cli.js"))) return false;
  return readFileSync(stamp, "utf8") === hashOfSources();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(stamp, hashOfSources());
