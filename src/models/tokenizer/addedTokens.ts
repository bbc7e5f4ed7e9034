// Tokens that are found in a text before anything else is done to it, or right after it was normalized.
import { ModelError } from "../../base/errors.js";
import { endsWithWord, isWhitespace, startsWithWord } from "./characters.js";
import type { Part } from "./description.js";
import { escaped } from "./pattern.js";
import type { Normalizer } from "./piece.js";
import { type Piece, sliced } from "./piece.js";

export interface AddedToken {
  readonly content: string;
  readonly id: number;
  /** Not inside a word. */
  readonly singleWord: boolean;
  /** White space before it and behind it is a part of it. */
  readonly takesLeft: boolean;
  readonly takesRight: boolean;
  readonly special: boolean;
  /** It is looked for in the normalized text, itself normalized. */
  readonly normalized: boolean;
}

export function addedToken(part: Part): AddedToken {
  const content = part.text("content");
  return {
    content,
    id: part.integer("id", 0),
    singleWord: part.flag("single_word", false),
    takesLeft: part.flag("lstrip", false),
    takesRight: part.flag("rstrip", false),
    special: part.flag("special", false),
    normalized: part.flag("normalized", !part.flag("special", false)),
  };
}

/** A stretch of a text, and the id of the added token that it is, if it is one. */
export interface Section {
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

/** Finds tokens: the leftmost first, the longest where several begin. */
export type Finder = (text: string) => Section[];

/** A text in sections: those that are added tokens, and those to be encoded, normalized. */
export function sectioner(
  tokens: readonly AddedToken[],
  normalize: Normalizer,
): (text: string) => { piece: Piece; id?: number }[] {
  const raw = finder(tokens.filter(({ normalized }) => !normalized));
  const inNormal = ({ content }: AddedToken) => normalize({ text: content, head: 0 }).text;
  const late = finder(
    tokens.filter(({ normalized }) => normalized).map((token) => ({ ...token, content: inNormal(token) })),
  );
  return (text) =>
    raw(text).flatMap(({ start, end, id }) => {
      const section = sliced({ text, head: firstWidth(text) }, start, end);
      if (id !== undefined) return [{ piece: section, id }];
      const normal = normalize(section);
      return late(normal.text).map(({ start: from, end: to, id: later }) => {
        const piece = sliced(normal, from, to);
        return later === undefined ? { piece } : { piece, id: later };
      });
    });
}

/** UTF-16 units of the first character. */
function firstWidth(text: string): number {
  return text === "" ? 0 : text.codePointAt(0)! > 0xffff ? 2 : 1;
}

function finder(tokens: readonly AddedToken[]): Finder {
  const byContent = new Map<string, AddedToken>();
  for (const token of tokens) {
    // Normalized, several may read alike: special ones come first, then those that stand first in the file.
    const known = byContent.get(token.content);
    if (token.content !== "" && !(known && (known.special || !token.special))) byContent.set(token.content, token);
  }
  if (byContent.size === 0) return (text) => (text === "" ? [] : [{ start: 0, end: text.length }]);
  const contents = [...byContent.keys()].sort((a, b) => b.length - a.length);
  let pattern: RegExp;
  try {
    pattern = new RegExp(contents.map(escaped).join("|"), "gu");
  } catch {
    throw new ModelError(`added_tokens has ${contents.length} tokens, more than can be looked for at once`);
  }
  return (text) => {
    const sections: Section[] = [];
    let last = 0;
    for (const { 0: content, index } of text.matchAll(pattern)) {
      const token = byContent.get(content)!;
      let start = index;
      let end = index + content.length;
      const isInWord =
        (start > 0 && endsWithWord.test(lastOf(text, start))) || startsWithWord.test(text.slice(end, end + 2));
      if (token.singleWord && isInWord) continue;
      if (token.takesLeft) start = Math.max(last, leftOfSpace(text, start));
      if (token.takesRight) end = rightOfSpace(text, end);
      if (last < start) sections.push({ start: last, end: start });
      sections.push({ start, end, id: token.id });
      last = end;
    }
    if (last < text.length) sections.push({ start: last, end: text.length });
    return sections;
  };
}

/** The character that ends before a place. */
function lastOf(text: string, end: number): string {
  return [...text.slice(Math.max(0, end - 2), end)].at(-1) ?? "";
}

function leftOfSpace(text: string, at: number): number {
  let start = at;
  while (start > 0 && isWhitespace(text[start - 1])) start--;
  return start;
}

function rightOfSpace(text: string, at: number): number {
  let end = at;
  while (end < text.length && isWhitespace(text[end])) end++;
  return end;
}
