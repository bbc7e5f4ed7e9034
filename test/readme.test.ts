// The README's JavaScript is run as it stands, on the built package; the block after it is what it must print.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = new URL("..", import.meta.url).pathname;
const readme = readFileSync(`${root}README.md`, "utf8");
const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```(?:\s*```text\n([\s\S]*?)```)?/g)];
const built = existsSync(`${root}dist/index.js`);
const run = promisify(execFile);

describe.skipIf(!built)(`README.md${built ? "" : " (skipped: dist/ is not built; npm run build)"}`, () => {
  it("has code to run", () => expect(blocks.length).toBeGreaterThanOrEqual(2));

  it.each(blocks.map(([, code, printed], index) => ({ index, code, printed })))(
    "block $index prints what it says",
    async ({ code, printed }) => {
      const { stdout } = await run("node", ["--input-type=module", "-e", code], { cwd: root });
      expect(stdout).toBe(printed ?? "");
    },
  );

  it("names commands that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
    for (const [, name] of readme.matchAll(/npm run ([\w:]+)/g)) expect(Object.keys(scripts)).toContain(name);
  });
});
