// WordPiece, greedily the longest token first, and WordLevel, a token a word.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import type { Part } from "./description.js";
import { type TokenModel, unknownToken, vocabularyOf } from "./tokenModel.js";

export function wordPiece(part: Part): TokenModel {
  const vocabulary = vocabularyOf(part);
  const prefix = part.text("continuing_subword_prefix", "##");
  const longest = part.integer("max_input_chars_per_word", 0, 100);
  const unknown = unknownToken(part) ?? missing(part, "[UNK]");
  let longestToken = 0;
  for (const token of vocabulary.keys()) longestToken = Math.max(longestToken, [...token].length);
  return {
    vocabulary,
    encode(piece) {
      const characters = [...piece];
      if (characters.length > longest) return [unknown(vocabulary)];
      const ids: number[] = [];
      for (let start = 0; start < characters.length; ) {
        // No token is longer, however long a word a file allows.
        let end = Math.min(characters.length, start + longestToken);
        let id: number | undefined;
        for (; end > start && id === undefined; end--) {
          id = vocabulary.get((start > 0 ? prefix : "") + characters.slice(start, end).join(""));
        }
        if (id === undefined) return [unknown(vocabulary)];
        ids.push(id);
        start = end + 1;
      }
      return ids;
    },
  };
}

export function wordLevel(part: Part): TokenModel {
  const vocabulary = vocabularyOf(part);
  const unknown = unknownToken(part) ?? missing(part, "<unk>");
  return { vocabulary, encode: (piece) => [vocabulary.get(piece) ?? unknown(vocabulary)] };
}

function missing(part: Part, usual: string): (vocabulary: ReadonlyMap<string, number>) => number {
  return (vocabulary) => {
    const id = vocabulary.get(usual);
    if (id === undefined) throw new ModelError(`${part.path} has no unk_token, and not ${excerpt(usual)} either`);
    return id;
  };
}
