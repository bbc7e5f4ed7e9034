// Normalizers: what is done to a text before it is cut (the Rust tokenizers' tokenizers/src/normalizers).
import { bytesAsCharacters } from "./bytes.js";
import { isChinese, isDropped, isMark, isNonspacingMark, isWhitespace, lowerCase } from "./characters.js";
import { type Part, patternOf } from "./description.js";
import type { RegexCompiler } from "./pattern.js";
import { mapped, type Normalizer, prepended, sliced } from "./piece.js";
import { precompiled } from "./precompiled.js";

type Maker = (part: Part, compile: RegexCompiler) => Normalizer;

const unicodeForm =
  (form: "NFC" | "NFD" | "NFKC" | "NFKD"): Normalizer =>
  ({ text, head }) => ({ text: text.normalize(form), head: text.slice(0, head).normalize(form).length });

const decomposed = unicodeForm("NFD");

const makers: Readonly<Record<string, Maker>> = {
  BertNormalizer: (part) => {
    const cleanText = part.flag("clean_text", true);
    const chinese = part.flag("handle_chinese_chars", true);
    const lower = part.flag("lowercase", true);
    const strip = part.flag("strip_accents", lower);
    return (piece) => {
      let result = piece;
      if (cleanText) result = mapped(result, (c) => (isDropped(c) ? "" : isWhitespace(c) ? " " : c));
      if (chinese) result = mapped(result, (c) => (isChinese(c) ? ` ${c} ` : c));
      if (strip) result = mapped(decomposed(result), (c) => (isNonspacingMark(c) ? "" : c));
      return lower ? mapped(result, lowerCase) : result;
    };
  },
  ByteLevel: () => (piece) => mapped(piece, bytesAsCharacters),
  Lowercase: () => (piece) => mapped(piece, lowerCase),
  NFC: () => unicodeForm("NFC"),
  NFD: () => unicodeForm("NFD"),
  NFKC: () => unicodeForm("NFKC"),
  NFKD: () => unicodeForm("NFKD"),
  Nmt: () => (piece) => mapped(piece, nmt),
  Precompiled: (part) => precompiled(part),
  Prepend: (part) => {
    const prefix = part.text("prepend");
    return (piece) => prepended(piece, prefix);
  },
  Replace: (part, compile) => {
    const content = part.text("content");
    const pattern = patternOf(part, compile);
    return ({ text, head }) => {
      let result = "";
      let newHead = 0;
      for (const { start, end, matches } of pattern(text)) {
        const before = result.length;
        result += matches ? content : text.slice(start, end);
        // What replaces a match came from where its last character did.
        if (!matches && start < head) newHead = before + Math.min(end, head) - start;
        else if (matches && (end === 0 || end <= head)) newHead = result.length;
      }
      return { text: result, head: newHead };
    };
  },
  Sequence: (part, compile) => {
    const steps = part.parts("normalizers").map((step) => normalizer(step, compile));
    return (piece) => steps.reduce((result, step) => step(result), piece);
  },
  Strip: (part) => {
    const left = part.flag("strip_left");
    const right = part.flag("strip_right");
    return (piece) => {
      const { text } = piece;
      let start = 0;
      let end = text.length;
      // White space is never a pair of surrogates.
      if (left) while (start < end && isWhitespace(text[start])) start++;
      if (right) while (end > start && isWhitespace(text[end - 1])) end--;
      return sliced(piece, start, end);
    };
  },
  StripAccents: () => (piece) => mapped(piece, (c) => (isMark(c) ? "" : c)),
};

/** @throws ModelError that names a type or option that is not known */
export function normalizer(part: Part, compile: RegexCompiler): Normalizer {
  const make = Object.hasOwn(makers, part.type) ? makers[part.type] : undefined;
  if (!make) throw part.unknown(Object.keys(makers));
  return make(part, compile);
}

/** What the normalizer Nmt drops, and what it makes a space (sentencepiece's rule for machine translation). */
const nmtDrops = codes([0x1, 0x8], [0xb], [0xe, 0x1f], [0x7f], [0x8f], [0x9f]);
const nmtSpaces = codes(
  [0x9, 0xa],
  [0xc, 0xd],
  [0x1680],
  [0x200b, 0x200f],
  [0x2028, 0x2029],
  [0x2581],
  [0xfeff],
  [0xfffd],
);

function nmt(character: string): string {
  const code = character.codePointAt(0)!;
  if (nmtDrops.has(code)) return "";
  return nmtSpaces.has(code) ? " " : character;
}

function codes(...ranges: (readonly [first: number, last?: number])[]): ReadonlySet<number> {
  return new Set(
    ranges.flatMap(([first, last = first]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
  );
}
