// Byte pair encoding (Sennrich et al. 2016), with the options of the Rust tokenizers.
import { ModelError } from "../../base/errors.js";
import { byteToken, utf8 } from "./bytes.js";
import type { Part } from "./description.js";
import { type TokenModel, unknownToken, type Vocabulary, vocabularyOf } from "./tokenModel.js";

interface Merge {
  readonly rank: number;
  readonly id: number;
}

/** Pieces whose ids are kept: words come again and again. */
const mostKept = 20_000;
const longestKept = 64;

export function bpe(part: Part): TokenModel {
  const vocabulary = vocabularyOf(part);
  const prefix = part.text("continuing_subword_prefix", "");
  const suffix = part.text("end_of_word_suffix", "");
  const ignoreMerges = part.flag("ignore_merges", false);
  const merges = mergesOf(part, vocabulary, prefix);
  const symbolsOf = splitter(part, vocabulary, prefix, suffix);
  // Where no token holds two neighbours side by side, no merge joins them: a long piece falls apart there, exactly.
  const bonds = prefix === "" && suffix === "" ? bondsOf(vocabulary) : undefined;
  const kept = new Map<string, readonly number[]>();
  const encode = (word: string): readonly number[] => {
    const known = kept.get(word);
    if (known) return known;
    const ids = merged(symbolsOf(word), merges);
    if (word.length <= longestKept) {
      if (kept.size === mostKept) kept.clear();
      kept.set(word, ids);
    }
    return ids;
  };
  return {
    vocabulary,
    encode(piece) {
      const whole = ignoreMerges ? vocabulary.get(piece) : undefined;
      if (whole !== undefined) return [whole];
      return bonds && piece.length > longestKept ? parts(piece, bonds).flatMap(encode) : encode(piece);
    },
  };
}

/** Merges by their pair of ids, two numbers below 2²⁶ in one. */
const pairOf = (a: number, b: number) => a * 2 ** 26 + b;

function mergesOf(part: Part, vocabulary: Vocabulary, prefix: string): ReadonlyMap<number, Merge> {
  const merges = new Map<number, Merge>();
  for (const [rank, entry] of part.list("merges").entries()) {
    const pair = typeof entry === "string" ? entry.split(" ") : entry;
    const isPair = Array.isArray(pair) && pair.length === 2 && pair.every((token) => typeof token === "string");
    const [a, b] = isPair ? (pair as [string, string]) : ["", ""];
    const ids = [a, b, a + b.slice(prefix.length)].map((token) => vocabulary.get(token));
    const [left, right, id] = ids;
    if (left === undefined || right === undefined || id === undefined) {
      throw new ModelError(`${part.path}.merges[${rank}] is not two tokens of the vocabulary that make a third`);
    }
    merges.set(pairOf(left, right), { rank, id });
  }
  return merges;
}

/** A word as the ids of its characters; what is not in the vocabulary as bytes, as the unknown token, or not at all. */
function splitter(part: Part, vocabulary: Vocabulary, prefix: string, suffix: string): (word: string) => number[] {
  const fallback = part.flag("byte_fallback", false);
  const fuses = part.flag("fuse_unk", false);
  const unknown = unknownToken(part);
  return (word) => {
    const ids: number[] = [];
    let pending: number | undefined;
    let at = 0;
    for (const character of word) {
      const before = at > 0 ? prefix : "";
      at += character.length;
      const symbol = before + character + (at === word.length ? suffix : "");
      const id = vocabulary.get(symbol);
      if (id !== undefined) {
        if (pending !== undefined) ids.push(pending);
        pending = undefined;
        ids.push(id);
        continue;
      }
      const bytes = fallback ? Array.from(utf8(symbol), (byte) => vocabulary.get(byteToken(byte))) : [undefined];
      if (bytes.every((byte): byte is number => byte !== undefined)) {
        ids.push(...bytes);
        continue;
      }
      if (unknown === undefined) continue;
      if (pending !== undefined && !fuses) ids.push(pending);
      pending = unknown(vocabulary);
    }
    if (pending !== undefined) ids.push(pending);
    return ids;
  };
}

/** Every pair of code points that some token holds side by side. */
function bondsOf(vocabulary: Vocabulary): ReadonlySet<number> {
  const bonds = new Set<number>();
  for (const token of vocabulary.keys()) {
    let before = -1;
    for (const character of token) {
      const code = character.codePointAt(0)!;
      if (before >= 0) bonds.add(before * 2 ** 21 + code);
      before = code;
    }
  }
  return bonds;
}

function parts(piece: string, bonds: ReadonlySet<number>): string[] {
  const result: string[] = [];
  let start = 0;
  let at = 0;
  let before = -1;
  for (const character of piece) {
    const code = character.codePointAt(0)!;
    if (before >= 0 && !bonds.has(before * 2 ** 21 + code)) {
      result.push(piece.slice(start, at));
      start = at;
    }
    before = code;
    at += character.length;
  }
  result.push(piece.slice(start));
  return result;
}

/** The ids after all merges: the one of lowest rank first, the leftmost of equals. */
function merged(ids: readonly number[], merges: ReadonlyMap<number, Merge>): readonly number[] {
  if (ids.length < 2) return ids;
  const symbols = Int32Array.from(ids);
  const next = Int32Array.from(ids, (_, i) => (i + 1 < ids.length ? i + 1 : -1));
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const alive = new Uint8Array(ids.length).fill(1);
  const queue = new MergeQueue();
  const offer = (at: number) => {
    const merge = next[at] < 0 ? undefined : merges.get(pairOf(symbols[at], symbols[next[at]]));
    if (merge) queue.push(merge.rank, at, merge.id);
  };
  for (let at = 0; at < ids.length; at++) offer(at);
  for (let top = queue.pop(); top; top = queue.pop()) {
    const [, at, id] = top;
    const right = next[at];
    if (!alive[at] || right < 0 || merges.get(pairOf(symbols[at], symbols[right]))?.id !== id) continue;
    symbols[at] = id;
    alive[right] = 0;
    next[at] = next[right];
    if (next[at] >= 0) previous[next[at]] = at;
    if (previous[at] >= 0) offer(previous[at]);
    offer(at);
  }
  const result: number[] = [];
  for (let at = 0; at >= 0; at = next[at]) result.push(symbols[at]);
  return result;
}

type Entry = readonly [rank: number, at: number, id: number];

/** A binary heap: lowest rank first, then leftmost. */
class MergeQueue {
  readonly #heap: Entry[] = [];

  push(...entry: [rank: number, at: number, id: number]): void {
    const heap = this.#heap;
    let child = heap.push(entry) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!isBefore(heap[child], heap[parent])) break;
      [heap[child], heap[parent]] = [heap[parent], heap[child]];
      child = parent;
    }
  }

  pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && isBefore(heap[child], heap[least])) least = child;
      }
      if (least === parent) return top;
      [heap[parent], heap[least]] = [heap[least], heap[parent]];
      parent = least;
    }
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}
