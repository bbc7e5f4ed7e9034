// The unigram language model (Kudo 2018): the most probable way to cut a piece into tokens, by Viterbi's algorithm.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import { byteToken, utf8 } from "./bytes.js";
import type { Part } from "./description.js";
import type { TokenModel } from "./tokenModel.js";

/** How much less probable an unknown character is than the least probable token (sentencepiece's penalty). */
const penalty = 10;

interface Entry {
  readonly id: number;
  readonly score: number;
}

/** Tokens by their characters, one after the other. */
class Trie {
  entry?: Entry;
  readonly children = new Map<number, Trie>();
}

export function unigram(part: Part): TokenModel {
  const { vocabulary, trie, least } = tokensOf(part);
  const unknown = part.has("unk_id") ? part.integer("unk_id", 0) : undefined;
  if (unknown !== undefined && unknown >= part.list("vocab").length) {
    throw new ModelError(`${part.path}.unk_id is ${unknown}, past the vocabulary`);
  }
  const fallback = part.flag("byte_fallback", false);
  const noUnknown = () => new ModelError(`${part.path} meets an unknown character and has no unk_id`);

  /** A run that no token fits. */
  const unknownIds = (text: string): number[] => {
    const known = vocabulary.get(text);
    if (known !== undefined) return [known];
    const bytes = fallback ? Array.from(utf8(text), (byte) => vocabulary.get(byteToken(byte))) : [undefined];
    if (bytes.every((byte): byte is number => byte !== undefined)) return bytes;
    if (unknown === undefined) throw noUnknown();
    return [unknown];
  };

  return {
    vocabulary,
    encode(piece) {
      const size = piece.length;
      const scores = new Float64Array(size + 1);
      const starts = new Int32Array(size + 1).fill(-1);
      const ids = new Int32Array(size + 1);
      const offer = (start: number, end: number, id: number, score: number) => {
        if (starts[end] >= 0 && score <= scores[end]) return;
        starts[end] = start;
        scores[end] = score;
        ids[end] = id;
      };
      for (let start = 0; start < size; ) {
        const first = start + widthAt(piece, start);
        let alone = false;
        let node = trie.children.get(piece.codePointAt(start)!);
        for (let end = first; node; ) {
          if (node.entry) {
            offer(start, end, node.entry.id, scores[start] + node.entry.score);
            alone ||= end === first;
          }
          if (end === size) break;
          node = node.children.get(piece.codePointAt(end)!);
          end += widthAt(piece, end);
        }
        if (!alone) {
          if (unknown === undefined) throw noUnknown();
          offer(start, first, unknown, scores[start] + (least - penalty));
        }
        start = first;
      }
      const result: number[] = [];
      for (let end = size; end > 0; ) {
        let start = starts[end];
        if (ids[end] === unknown) {
          // Neighbouring unknown characters are one.
          while (start > 0 && ids[start] === unknown) start = starts[start];
          result.push(...unknownIds(piece.slice(start, end)).reverse());
        } else result.push(ids[end]);
        end = start;
      }
      return result.reverse();
    },
  };
}

function widthAt(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}

function tokensOf(part: Part): { vocabulary: Map<string, number>; trie: Trie; least: number } {
  const vocabulary = new Map<string, number>();
  const trie = new Trie();
  let least = Number.POSITIVE_INFINITY;
  for (const [id, entry] of part.list("vocab").entries()) {
    const [token, score] = (Array.isArray(entry) ? entry : []) as unknown[];
    if (typeof token !== "string" || typeof score !== "number" || !Number.isFinite(score)) {
      throw new ModelError(`${part.path}.vocab[${id}] is ${excerpt(entry)}, not a token and its score`);
    }
    vocabulary.set(token, id);
    least = Math.min(least, score);
    let node = trie;
    for (const character of token) {
      const code = character.codePointAt(0)!;
      let child = node.children.get(code);
      if (!child) {
        child = new Trie();
        node.children.set(code, child);
      }
      node = child;
    }
    if (token !== "") node.entry = { id, score };
  }
  return { vocabulary, trie, least };
}
