// A stretch of text on its way to the model, and what of it still stands at the beginning of the whole text: the option
// "first" of Metaspace asks for that, and the Rust library answers by the places that characters came from.

export interface Piece {
  readonly text: string;
  /** UTF-16 units at its start that came from the very first character of the whole text. */
  readonly head: number;
}

/** From a piece of text to what it is read as. */
export type Normalizer = (piece: Piece) => Piece;

/** Changes character by character; what a character becomes came from where it did. */
export function mapped({ text, head }: Piece, change: (character: string) => string): Piece {
  let result = "";
  let newHead = 0;
  let at = 0;
  for (const character of text) {
    result += change(character);
    if (at < head) newHead = result.length;
    at += character.length;
  }
  return { text: result, head: newHead };
}

/** Puts text in front of what is not empty; it came from where the first character did. */
export function prepended({ text, head }: Piece, prefix: string): Piece {
  return text === "" ? { text, head } : { text: prefix + text, head: head > 0 ? head + prefix.length : 0 };
}

/** A part of it. */
export function sliced({ text, head }: Piece, start: number, end: number): Piece {
  return { text: text.slice(start, end), head: Math.max(0, Math.min(end, head) - start) };
}
