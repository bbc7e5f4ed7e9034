// sentencepiece's table of replacements (T5, XLM-R, …): a double array over UTF-8 bytes (darts-clone), then the
// replacements, each ended by a zero. A grapheme of fewer than six bytes is looked up whole, then character by character.
import { ModelError } from "../../base/errors.js";
import { textOf, utf8 } from "./bytes.js";
import type { Part } from "./description.js";
import type { Normalizer } from "./piece.js";

/** As in the Rust crate spm_precompiled. */
const longestGrapheme = 6;

export function precompiled(part: Part): Normalizer {
  if (!part.has("precompiled_charsmap")) return (piece) => piece;
  const table = decoded(part);
  const { Segmenter } = Intl as { Segmenter?: typeof Intl.Segmenter };
  if (!Segmenter) throw new ModelError(`${part.path} (Precompiled) needs Intl.Segmenter, which this runtime lacks`);
  const segmenter = new Segmenter("en", { granularity: "grapheme" });
  return ({ text, head }) => {
    let result = "";
    let newHead = 0;
    for (const { segment, index } of segmenter.segment(text)) {
      const bytes = utf8(segment);
      const whole = bytes.length < longestGrapheme ? table(bytes) : undefined;
      if (whole !== undefined) result += whole;
      else for (const character of segment) result += table(utf8(character)) ?? character;
      if (index < head) newHead = result.length;
    }
    return { text: result, head: newHead };
  };
}

/** The replacement of the shortest key that bytes begin with. */
type Table = (bytes: Uint8Array) => string | undefined;

function decoded(part: Part): Table {
  const map = Uint8Array.from(base64(part), (character) => character.charCodeAt(0));
  const view = new DataView(map.buffer);
  const trieBytes = map.length >= 4 ? view.getUint32(0, true) : 0;
  if (trieBytes % 4 !== 0 || trieBytes === 0 || 4 + trieBytes > map.length) {
    throw new ModelError(`${part.path}.precompiled_charsmap is damaged: its table is longer than it is`);
  }
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = map.subarray(4 + trieBytes);
  const offset = (unit: number) => (unit >>> 10) << ((unit & 512) >>> 6);
  return (bytes) => {
    let at = offset(units[0]);
    for (const byte of bytes) {
      // Zero would be the mark of a key's end.
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) {
        const start = (units[at] ?? 0) & 0x7fffffff;
        const end = replacements.indexOf(0, start);
        return textOf(replacements.subarray(start, end < 0 ? replacements.length : end));
      }
    }
    return undefined;
  };
}

function base64(part: Part): string {
  const text = part.text("precompiled_charsmap");
  try {
    return (globalThis as unknown as { atob(text: string): string }).atob(text);
  } catch {
    throw new ModelError(`${part.path}.precompiled_charsmap is not base64`);
  }
}
