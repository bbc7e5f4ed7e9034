// Patterns, and how a text is cut by one (the split behaviours of the Rust tokenizers).
import { ModelError } from "../../base/errors.js";
import type { CharacterClass } from "./characters.js";

/** A stretch of a text, [start, end), and whether the pattern matched it. Together they cover the text. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly matches: boolean;
}

/** The stretches of a text, in order; none of an empty text, unless the pattern matches nothing at all. */
export type Pattern = (text: string) => Stretch[];

export const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type Behavior = (typeof behaviors)[number];

/** Matches every character of a class by itself. */
export function ofClass(contains: CharacterClass): Pattern {
  return (text) => {
    const stretches: Stretch[] = [];
    let last = 0;
    let at = 0;
    for (const character of text) {
      const end = at + character.length;
      if (contains(character)) {
        if (last < at) stretches.push({ start: last, end: at, matches: false });
        stretches.push({ start: at, end, matches: true });
        last = end;
      }
      at = end;
    }
    if (last < at) stretches.push({ start: last, end: at, matches: false });
    return stretches;
  };
}

/** Matches a regular expression (flags g and u or v), but for an empty match right behind another match. */
export function ofRegex(regex: RegExp): Pattern {
  return (text) => {
    const stretches: Stretch[] = [];
    let last = 0;
    let lastMatch = -1;
    let from = 0;
    while (from <= text.length) {
      regex.lastIndex = from;
      const found = regex.exec(text);
      if (!found) break;
      const start = found.index;
      const end = start + found[0].length;
      if (start === end && end === lastMatch) {
        from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
        continue;
      }
      from = end;
      lastMatch = end;
      if (last < start) stretches.push({ start: last, end: start, matches: false });
      stretches.push({ start, end, matches: true });
      last = end;
    }
    if (last < text.length) stretches.push({ start: last, end: text.length, matches: false });
    return stretches;
  };
}

/** Matches a string wherever it stands. */
export function ofString(content: string): Pattern {
  return ofRegex(new RegExp(escaped(content), "gu"));
}

/** The string as a regular expression with flag u that matches it alone. */
export function escaped(content: string): string {
  return content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

export function inverted(pattern: Pattern): Pattern {
  return (text) => pattern(text).map(({ start, end, matches }) => ({ start, end, matches: !matches }));
}

/** A regular expression of a file, in Oniguruma's syntax. */
export type RegexCompiler = (source: string) => RegExp;

/** Loads the translation of Oniguruma's syntax, which most tokenizers need and the others should not pay for. */
export async function regexCompiler(): Promise<RegexCompiler> {
  const { toRegExp } = await import("oniguruma-to-es");
  return (source) => {
    try {
      return toRegExp(withWordsOfRust(source), { global: true });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ModelError(`the Regex ${JSON.stringify(source)} can't be run here (${why})`);
    }
  };
}

/** What \w is outside of a class and inside of one, and what \b then is. */
const word = "[[:word:]²³¹¼½¾]";
const boundary = `(?<=${word})(?!${word})|(?<!${word})(?=${word})`;
const outside: Readonly<Record<string, string>> = {
  w: word,
  W: "[^[:word:]²³¹¼½¾]",
  b: `(?:${boundary})`,
  B: `(?!${boundary})`,
};
const inside: Readonly<Record<string, string>> = { w: "[:word:]", W: "[^[:word:]]" };

/**
 * Oniguruma's \w holds Alphabetic, marks, decimal digits and connectors, and outside of a class the six numbers of Latin-1
 * too; the translation's holds every number and no circled letter.
 */
function withWordsOfRust(source: string): string {
  let depth = 0;
  let result = "";
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (character === "\\" && at + 1 < source.length) {
      const next = source[++at];
      result += (depth > 0 ? inside : outside)[next] ?? character + next;
      continue;
    }
    const named = depth > 0 ? /^\[:\^?\w+:\]/.exec(source.slice(at, at + 12)) : null;
    if (named) {
      result += named[0];
      at += named[0].length - 1;
      continue;
    }
    if (character === "[") depth++;
    else if (character === "]" && depth > 0 && !/\[\^?$/.test(result)) depth--;
    result += character;
  }
  return result;
}

/** The pieces that a pattern cuts a text into; empty ones are left out. */
export function cut(text: string, pattern: Pattern, behavior: Behavior): { start: number; end: number }[] {
  return merged(pattern(text), behavior).filter(({ start, end }) => start < end);
}

function merged(stretches: Stretch[], behavior: Behavior): { start: number; end: number }[] {
  switch (behavior) {
    case "Isolated":
      return stretches;
    case "Removed":
      return stretches.filter(({ matches }) => !matches);
    case "Contiguous":
      return grouped(stretches, (matches, before) => matches === before);
    case "MergedWithPrevious":
      return grouped(stretches, (matches, before) => matches && !before);
    case "MergedWithNext":
      return grouped([...stretches].reverse(), (matches, before) => matches && !before).reverse();
  }
}

/** Joins a stretch to the one before it, in whichever direction they come, where the rule says so. */
function grouped(
  stretches: readonly Stretch[],
  joins: (matches: boolean, before: boolean) => boolean,
): { start: number; end: number }[] {
  const groups: { start: number; end: number }[] = [];
  let before = false;
  for (const { start, end, matches } of stretches) {
    const last = groups.at(-1);
    if (last && joins(matches, before)) {
      last.start = Math.min(last.start, start);
      last.end = Math.max(last.end, end);
    } else groups.push({ start, end });
    before = matches;
  }
  return groups;
}
