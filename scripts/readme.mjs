// Puts made text into the README, between `<!-- name -->` and `<!-- /name -->`.
import { readFile, writeFile } from "node:fs/promises";

const readme = new URL("../README.md", import.meta.url);

/** @throws if the README has no such place */
export async function writeSection(name, text) {
  const before = await readFile(readme, "utf8");
  const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [before.indexOf(from), before.indexOf(to)];
  if (start < 0 || end < start) throw new Error(`README.md: expected ${from} … ${to}, found no such place`);
  await writeFile(readme, `${before.slice(0, start + from.length)}\n${text.trim()}\n${before.slice(end)}`);
}

/** The cells of the table between these marks, without its head. */
export async function readRows(name) {
  const text = await readFile(readme, "utf8");
  const section = text.slice(text.indexOf(`<!-- ${name} -->`), text.indexOf(`<!-- /${name} -->`));
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/** A Markdown table; numbers are aligned to the right. */
export function markdownTable(head, rows) {
  const numeric = head.map((_, column) => rows.every((row) => /^[\d.,–-]*( \w+)?$/.test(row[column])));
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(numeric.map((right) => (right ? "---:" : "---"))), ...rows.map(line)].join("\n");
}
