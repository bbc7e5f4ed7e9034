// Pieces of a file, gathered into spans that are fetched at once, and filled as the bytes come by.

export interface Piece {
  readonly start: number;
  readonly end: number;
}

export interface Filling extends Piece {
  readonly bytes: Uint8Array;
}

/** Sorted by start, those at most `gap` bytes apart together. */
export function coalesce<P extends Piece>(pieces: readonly P[], gap: number): P[][] {
  const spans: P[][] = [];
  let reach = 0;
  for (const piece of [...pieces].sort((a, b) => a.start - b.start)) {
    if (spans.length > 0 && piece.start - reach <= gap) {
      spans[spans.length - 1].push(piece);
      reach = Math.max(reach, piece.end);
    } else {
      spans.push([piece]);
      reach = piece.end;
    }
  }
  return spans;
}

/** Copies a chunk, whose first byte is byte `at` of the file, into the pieces that it touches. */
export function scatter(chunk: Uint8Array, at: number, pieces: readonly Filling[]): void {
  for (const { start, end, bytes } of pieces) {
    const from = Math.max(start, at);
    const to = Math.min(end, at + chunk.length);
    if (from < to) bytes.set(chunk.subarray(from - at, to - at), from - start);
  }
}
