// The tables' place in README.md.
import { readFile, writeFile } from "node:fs/promises";

const file = new URL("../../README.md", import.meta.url);
const opening = "<!-- peers -->";
const closing = "<!-- /peers -->";

/** `readme` with what stands between the markers replaced. */
export function insertTables(readme: string, text: string): string {
  const from = readme.indexOf(opening);
  const to = readme.indexOf(closing, from);
  if (from < 0 || to < 0)
    throw new Error(
      `README.md: expected ${opening} and, after it, ${closing} on lines of their own, where the tables go`,
    );
  return `${readme.slice(0, from + opening.length)}\n${text.trim()}\n${readme.slice(to)}`;
}

/** Before a long run rather than after it. */
export async function checkReadme(): Promise<void> {
  insertTables(await readFile(file, "utf8"), "");
}

export async function writeReadme(text: string): Promise<void> {
  await writeFile(file, insertTables(await readFile(file, "utf8"), text));
}
