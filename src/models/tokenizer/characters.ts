// Classes of characters as the Rust tokenizers have them (Rust's char methods and Unicode's categories), which are not
// JavaScript's: \s there holds U+0085 and not U+FEFF, \w holds letters, marks and digits of every script.

/** A test of one character (a whole code point). */
export type CharacterClass = (character: string) => boolean;

const test =
  (pattern: RegExp): CharacterClass =>
  (character) =>
    pattern.test(character);

/** White_Space. */
export const isWhitespace = test(/^\p{White_Space}$/u);
/** Nd, Nl and No. */
export const isNumeric = test(/^\p{N}$/u);
/** ASCII punctuation and symbols, and category P. */
export const isPunctuation = test(/^[\p{P}!-/:-@[-`{-~]$/u);
/** Mn. */
export const isNonspacingMark = test(/^\p{Mn}$/u);
/** Category M. */
export const isMark = test(/^\p{M}$/u);

/** \w of Rust's regular expressions. */
const word = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
export const startsWithWord = new RegExp(`^${word}`, "u");
export const endsWithWord = new RegExp(`${word}$`, "u");
/** Runs of word characters, and runs of what is neither those nor white space. */
export const wordsAndSymbols = new RegExp(
  `${word}+|[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}\\p{White_Space}]+`,
  "gu",
);

const cjk: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];

/** The ranges that BERT's normalizer sets off with spaces. */
export const isChinese: CharacterClass = (character) => {
  const code = character.codePointAt(0)!;
  return cjk.some(([first, last]) => first <= code && code <= last);
};

/** What BERT's normalizer drops: NUL, the replacement character and category C, but for tab and line ends. */
export const isDropped: CharacterClass = (character) =>
  character === "\0" || character === "\ufffd" || (/^\p{C}$/u.test(character) && !/^[\t\n\r]$/.test(character));

/** Characters one by one in lower case: a sigma that ends a word is no special case. */
export function lowerCase(text: string): string {
  let lower = "";
  for (const character of text) lower += character.toLowerCase();
  return lower;
}

/** Text with U+FFFD for every half of a surrogate pair that stands alone: Rust's strings cannot hold one. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, "\ufffd");
}
