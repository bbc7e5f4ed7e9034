// The device tests as modules for a runtime without a file system: types stripped, fixtures inlined, vitest's own runner
// in place of vitest. Every test file is a chunk of its own, and what they share is shared.
import { readdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "rolldown";
import { isRun } from "../../device/webgpu/files.js";
import { root } from "../places.js";

const here = `${root}test/runtimes/webgpu/`;
const device = `${root}test/device/`;
const LIST = "virtual:device-tests";

/** What vitest.webgpu.config.ts runs in Node. */
function deviceTests(): string[] {
  const files = readdirSync(device, { recursive: true, encoding: "utf8" });
  return files.filter((file) => isRun(file, process.env["HOWSMOOTH_WEBGPU"] === "all")).sort();
}

/** The folder that program.js and what it loads, and a page for them, are written to. */
export async function bundle(): Promise<string> {
  const folder = `${root}build/device-tests/`;
  const tests = deviceTests().map((file) => `"/${file}": () => import(${JSON.stringify(device + file)})`);
  const standIns = {
    name: "stand-ins",
    resolveId(source: string, importer?: string) {
      if (source === LIST) return LIST;
      if (source === "vitest") return `${here}vitest.ts`;
      if (importer && resolve(importer, "..", source) === `${device}gpuObject.js`) return `${here}gpuObject.ts`;
      return null;
    },
    load: (id: string) => (id === LIST ? `export default {${tests.join(",")}};` : null),
  };
  await build({
    input: `${here}program.ts`,
    external: /^node:/,
    platform: "browser",
    // package.json says that no file is loaded for its effects; test files are.
    treeshake: false,
    plugins: [standIns],
    transform: { define: { "process.env.HOWSMOOTH_TEST_DEVICE": '"webgpu"' } },
    output: { dir: folder, format: "esm", cleanDir: true },
    logLevel: "warn",
  });
  writeFileSync(`${folder}index.html`, '<!doctype html><script type="module" src="program.js"></script>');
  return folder;
}
