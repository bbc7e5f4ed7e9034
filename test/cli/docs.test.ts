// The command lines in docs/ are ones that the command takes.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { readSettings } from "../../src/cli/analyzeSettings.js";
import { analyze, commands } from "../../src/cli/commands.js";
import { parseCommandLine } from "../../src/cli/flags.js";

const documents = { "docs/ci.md": 3, "docs/github-actions.yml": 2 };

describe.each(Object.entries(documents))("%s", (path, expected) => {
  it(`holds ${expected} command lines, each with known flags and right values`, async () => {
    const text = await readFile(path, "utf8");
    const lines = [...text.matchAll(/howsmooth(?:@[\d.]+)? ((?:analyze|compare) [^`\n]*)/g)].map(([, line]) =>
      line.trim(),
    );
    const complete = lines.filter((line) => line.includes("./"));
    expect(complete).toHaveLength(expected);
    for (const line of complete) {
      const [name, ...args] = line.split(/\s+/);
      const parsed = parseCommandLine(args, commands.find((command) => command.name === name)!);
      if (name === analyze.name) expect(readSettings(parsed).source).toBe("./checkpoint");
      else expect(parsed.operands).toHaveLength(2);
    }
  });
});
