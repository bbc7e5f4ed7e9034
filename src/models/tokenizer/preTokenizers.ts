// Pre-tokenizers: how a normalized text is cut into what the model sees (the Rust tokenizers' tokenizers/src/pre_tokenizers).
import { bytesAsCharacters } from "./bytes.js";
import { isNumeric, isPunctuation, isWhitespace, wordsAndSymbols } from "./characters.js";
import { type Part, patternOf } from "./description.js";
import {
  type Behavior,
  behaviors,
  cut,
  inverted,
  ofClass,
  ofRegex,
  type Pattern,
  type RegexCompiler,
} from "./pattern.js";
import { mapped, type Piece, prepended, sliced } from "./piece.js";
import { scriptOf } from "./scripts.js";

/** Cuts a piece further. */
export type PreTokenizer = (piece: Piece) => Piece[];

type Maker = (part: Part, compile: RegexCompiler) => PreTokenizer;

/** GPT-2's own. */
const gpt2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const makers: Readonly<Record<string, Maker>> = {
  BertPreTokenizer: () =>
    inTurn([splitting(ofClass(isWhitespace), "Removed"), splitting(ofClass(isPunctuation), "Isolated")]),
  ByteLevel: (part) => {
    const prefix = part.flag("add_prefix_space", true);
    const split = part.flag("use_regex", true) ? splitting(ofRegex(gpt2), "Isolated") : (piece: Piece) => [piece];
    return (piece) => {
      const spaced = prefix && !piece.text.startsWith(" ") ? prepended(piece, " ") : piece;
      return split(spaced).map((part) => mapped(part, bytesAsCharacters));
    };
  },
  CharDelimiterSplit: (part) => {
    const delimiter = part.text("delimiter");
    return splitting(
      ofClass((character) => character === delimiter),
      "Removed",
    );
  },
  Digits: (part) => splitting(ofClass(isNumeric), part.flag("individual_digits", false) ? "Isolated" : "Contiguous"),
  FixedLength: (part) => {
    const length = part.integer("length", 1, 5);
    return (piece) => {
      const pieces: Piece[] = [];
      let start = 0;
      let end = 0;
      let count = 0;
      for (const character of piece.text) {
        end += character.length;
        if (++count % length === 0) {
          pieces.push(sliced(piece, start, end));
          start = end;
        }
      }
      if (start < end) pieces.push(sliced(piece, start, end));
      return pieces;
    };
  },
  Metaspace: metaspace,
  Punctuation: (part) => splitting(ofClass(isPunctuation), part.oneOf("behavior", behaviors, "Isolated")),
  Sequence: (part, compile) => inTurn(part.parts("pretokenizers").map((step) => preTokenizer(step, compile))),
  Split: (part, compile) => {
    const pattern = patternOf(part, compile);
    const behavior = part.oneOf("behavior", behaviors);
    return splitting(part.flag("invert", false) ? inverted(pattern) : pattern, behavior);
  },
  UnicodeScripts: () => byScript,
  Whitespace: () => splitting(inverted(ofRegex(wordsAndSymbols)), "Removed"),
  WhitespaceSplit: () => splitting(ofClass(isWhitespace), "Removed"),
};

/** @throws ModelError that names a type or option that is not known */
export function preTokenizer(part: Part, compile: RegexCompiler): PreTokenizer {
  const make = Object.hasOwn(makers, part.type) ? makers[part.type] : undefined;
  if (!make) throw part.unknown(Object.keys(makers));
  return make(part, compile);
}

function splitting(pattern: Pattern, behavior: Behavior): PreTokenizer {
  return (piece) => cut(piece.text, pattern, behavior).map(({ start, end }) => sliced(piece, start, end));
}

function inTurn(steps: readonly PreTokenizer[]): PreTokenizer {
  return (piece) => steps.reduce((pieces: Piece[], step) => pieces.flatMap(step), [piece]);
}

function metaspace(part: Part): PreTokenizer {
  const replacement = part.text("replacement", "▁");
  // Older files say add_prefix_space.
  const older = part.has("add_prefix_space") && !part.flag("add_prefix_space") ? "never" : "always";
  const scheme = part.oneOf("prepend_scheme", ["always", "first", "never"], older);
  const split = part.flag("split", true);
  const cutting = splitting(
    ofClass((character) => character === replacement),
    "MergedWithNext",
  );
  return (piece) => {
    const replaced = mapped(piece, (character) => (character === " " ? replacement : character));
    const prepends = scheme === "always" || (scheme === "first" && piece.head > 0);
    const whole = prepends && !replaced.text.startsWith(replacement) ? prepended(replaced, replacement) : replaced;
    return split ? cutting(whole) : [whole];
  };
}

/** Cuts where the script changes. What stands before the first character that has one is lost, as in the Rust library. */
function byScript(piece: Piece): Piece[] {
  const { text } = piece;
  const starts: number[] = [];
  let last: string | undefined;
  let at = 0;
  for (const character of text) {
    const script = scriptOf(character);
    if (script !== "Any") {
      if (last !== script) starts.push(at);
      last = script;
    }
    at += character.length;
  }
  return starts.map((start, i) => sliced(piece, start, starts[i + 1] ?? text.length));
}
