// docs/theory.md is where "section 5.3" in a docstring or in a bound's source leads, or "MATH 5.3" in an older one.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("..", import.meta.url).pathname;
const theory = readFileSync(`${root}docs/theory.md`, "utf8");
const sources = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));

it("has every section that the sources cite", () => {
  const cited = new Set<string>();
  for (const path of sources) {
    const text = readFileSync(`${root}src/${path}`, "utf8");
    for (const [, section] of text.matchAll(/(?:MATH|theory\.md,? section) (\d+(?:\.\d+[a-d]?)?)/g)) cited.add(section);
  }
  expect(cited.size).toBeGreaterThan(40);
  // 2.1–2.2 is one heading.
  const headings = [...theory.matchAll(/(?:^## |\*\*)(\d+(?:\.\d+[a-d]?)?)(?:–(\d+\.\d+))?/gm)];
  const there = new Set(headings.flatMap(([, first, last]) => [first, last]));
  expect([...cited].filter((section) => !there.has(section))).toEqual([]);
});

it("names code that exists", () => {
  const code = sources.map((path) => readFileSync(`${root}src/${path}`, "utf8")).join("\n");
  const names = [...theory.matchAll(/`(?:bounds|adversarial|invertible)\.(\w+)`/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(5);
  for (const name of [...names, "characteristicFactor", "tiedValue", "gradient"]) expect(code).toContain(name);
});
