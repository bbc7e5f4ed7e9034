// Decoders: from tokens back to text (the Rust tokenizers' tokenizers/src/decoders).
import { charactersAsText, textOrReplacements } from "./bytes.js";
import { type Part, patternOf } from "./description.js";
import type { RegexCompiler } from "./pattern.js";

/** Changes a list of tokens; the text is what is left, joined. */
export type Decoder = (tokens: readonly string[]) => string[];

type Maker = (part: Part, compile: RegexCompiler) => Decoder;

const makers: Readonly<Record<string, Maker>> = {
  BPEDecoder: (part) => {
    const suffix = part.text("suffix", "</w>");
    return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, () => (i === tokens.length - 1 ? "" : " ")));
  },
  ByteFallback: () => (tokens) => {
    const result: string[] = [];
    let bytes: number[] = [];
    const flush = () => {
      if (bytes.length > 0) result.push(textOrReplacements(bytes));
      bytes = [];
    };
    for (const token of tokens) {
      const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token);
      if (byte) bytes.push(Number.parseInt(byte[1], 16));
      else {
        flush();
        result.push(token);
      }
    }
    flush();
    return result;
  },
  ByteLevel: () => (tokens) => [charactersAsText(tokens.join(""))],
  CTC: (part) => {
    const pad = part.text("pad_token", "<pad>");
    const delimiter = part.text("word_delimiter_token", "|");
    const cleans = part.flag("cleanup", true);
    return (tokens) =>
      tokens
        .filter((token, i) => token !== tokens[i - 1])
        .map((token) => {
          const text = token.replaceAll(pad, "");
          return cleans ? cleaned(text).replaceAll(delimiter, " ") : text;
        })
        .filter((token) => token !== "");
  },
  Fuse: () => (tokens) => [tokens.join("")],
  Metaspace: (part) => {
    const replacement = part.text("replacement", "▁");
    const older = part.has("add_prefix_space") && !part.flag("add_prefix_space") ? "never" : "always";
    const drops = part.oneOf("prepend_scheme", ["always", "first", "never"], older) !== "never";
    return (tokens) =>
      tokens.map((token, i) => {
        const text = token.replaceAll(replacement, " ");
        return drops && i === 0 && token.startsWith(replacement) ? text.slice(1) : text;
      });
  },
  Replace: (part, compile) => {
    const content = part.text("content");
    const pattern = patternOf(part, compile);
    return (tokens) =>
      tokens.map((token) =>
        pattern(token)
          .map(({ start, end, matches }) => (matches ? content : token.slice(start, end)))
          .join(""),
      );
  },
  Sequence: (part, compile) => {
    const steps = part.parts("decoders").map((step) => decoder(step, compile));
    return (tokens) => steps.reduce((result: string[], step) => step(result), [...tokens]);
  },
  Strip: (part) => {
    const content = part.text("content");
    const [start, stop] = [part.integer("start", 0), part.integer("stop", 0)];
    return (tokens) =>
      tokens.map((token) => {
        const characters = [...token];
        let from = 0;
        let to = characters.length;
        while (from < Math.min(start, to) && characters[from] === content) from++;
        for (let left = stop; left > 0 && to > from && characters[to - 1] === content; left--) to--;
        return characters.slice(from, to).join("");
      });
  },
  WordPiece: (part) => {
    const prefix = part.text("prefix", "##");
    const cleans = part.flag("cleanup", true);
    return (tokens) =>
      tokens.map((token, i) => {
        const joins = i === 0 || token.startsWith(prefix);
        const text = joins ? (i === 0 ? token : token.slice(prefix.length)) : ` ${token}`;
        return cleans ? cleaned(text) : text;
      });
  },
};

/** @throws ModelError that names a type or option that is not known */
export function decoder(part: Part, compile: RegexCompiler): Decoder {
  const make = Object.hasOwn(makers, part.type) ? makers[part.type] : undefined;
  if (!make) throw part.unknown(Object.keys(makers));
  return make(part, compile);
}

/** English punctuation and contractions without the space before them. */
function cleaned(text: string): string {
  const pairs: [string, string][] = [
    [" .", "."],
    [" ?", "?"],
    [" !", "!"],
    [" ,", ","],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [" do not", " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ];
  return pairs.reduce((result, [from, to]) => result.replaceAll(from, to), text);
}
