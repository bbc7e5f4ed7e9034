// The README's JavaScript is run as it stands, on the built package; the block after it is what it must print.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { isBuilt } from "../scripts/buildStamp.mjs";

const root = new URL("..", import.meta.url).pathname;
const readme = readFileSync(`${root}README.md`, "utf8");
const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```(?:\s*```text\n([\s\S]*?)```)?/g)];
const built = isBuilt();
const run = promisify(execFile);

describe.skipIf(!built)(
  `README.md${built ? "" : " (skipped: dist/ is not built of these sources; npm run build)"}`,
  () => {
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

    it("shows the picture that its command draws: the same medians to 1 %", async () => {
      const [, command] = readme.match(/^npx howsmooth (analyze tiny .*) --out report$/m)!;
      const folder = mkdtempSync(`${tmpdir()}/readme-`);
      try {
        await run("node", ["dist/cli.js", ...command.split(" "), "--out", folder], { cwd: root });
        const drawn = medians(readFileSync(`${folder}/report.svg`, "utf8"));
        const shown = medians(readFileSync(`${root}docs/tiny.svg`, "utf8"));
        expect(shown.map(([window]) => window)).toEqual(drawn.map(([window]) => window));
        expect(shown.length).toBeGreaterThanOrEqual(14);
        for (const [index, [, sigma]] of shown.entries())
          expect(Math.abs(sigma / drawn[index][1] - 1)).toBeLessThan(0.01);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);

describe("README.md", () => {
  const files = [...readme.matchAll(/\]\(([^)\s]+)/g)].map(([, path]) => path).filter((path) => !path.includes(":"));

  it("links to files and headings that are there", () => {
    expect(files.length).toBeGreaterThan(5);
    const isThere = (link: string) => {
      const [path, heading] = link.split("#");
      if (!existsSync(`${root}${path}`)) return false;
      // GitHub's name of a heading: lower case, punctuation dropped, hyphens for spaces.
      const name = (line: string) =>
        line
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\s_-]/gu, "")
          .trim()
          .replace(/\s/g, "-");
      const headings = readFileSync(`${root}${path}`, "utf8").matchAll(/^#+ (.*)$/gm);
      return heading === undefined || [...headings].some(([, line]) => name(line) === heading);
    };
    expect(files.filter((path) => !isThere(path))).toEqual([]);
  });

  it("backs every ✅ of ours among the features with a test of that name", () => {
    const table = readme.match(/<!-- features -->\n([\s\S]*?)<!-- \/features -->/)![1];
    const ours = table
      .split("\n")
      .slice(2, -1)
      .map((row) => row.split("|")[2].trim());
    const claims = ours.filter((cell) => cell.includes("✅"));
    expect(claims.length).toBeGreaterThan(8);
    for (const claim of claims) {
      const [, path, title] = claim.match(/^\[✅\]\((test\/.*\.test\.ts) "(.*)"\)/) ?? [];
      expect(path, claim).toBeDefined();
      expect(readFileSync(`${root}${path}`, "utf8"), claim).toContain(`"${title}", `);
    }
  });
});

/** Of the picture's table: [window, median of sigma]. */
function medians(svg: string): [string, number][] {
  const cells = [...svg.matchAll(/<title>(layer \d+, n \d+), median σ: ([\d.]+)<\/title>/g)];
  return cells.map(([, window, sigma]) => [window, Number(sigma)]);
}
