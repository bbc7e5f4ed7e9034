import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coalesce, scatter } from "../../../src/models/files/web/spans.js";

const pieces = fc.array(
  fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 30 })).map(([start, length]) => ({ start, end: start + length })),
  { maxLength: 12 },
);
const extentOf = (span: { start: number; end: number }[]) => ({
  start: Math.min(...span.map(({ start }) => start)),
  end: Math.max(...span.map(({ end }) => end)),
});

describe("coalesce", () => {
  it("loses none, sorts, and leaves more than the gap between two spans and no more inside one", () => {
    fc.assert(
      fc.property(pieces, fc.nat(40), (pieces, gap) => {
        const spans = coalesce(pieces, gap);
        expect(new Set(spans.flat())).toEqual(new Set(pieces));
        expect(spans.flat().length).toBe(pieces.length);
        const extents = spans.map(extentOf);
        for (let at = 1; at < spans.length; at++) expect(extents[at].start - extents[at - 1].end).toBeGreaterThan(gap);
        for (const span of spans) {
          for (let at = 1; at < span.length; at++) {
            expect(span[at].start).toBeGreaterThanOrEqual(span[at - 1].start);
            expect(span[at].start - extentOf(span.slice(0, at)).end).toBeLessThanOrEqual(gap);
          }
        }
      }),
    );
  });
});

describe("scatter", () => {
  it("fills every piece with its bytes, however the file is cut into chunks", () => {
    const file = Uint8Array.from({ length: 240 }, (_, at) => at + 1);
    fc.assert(
      fc.property(pieces, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (pieces, lengths) => {
        const filling = pieces.map((piece) => ({ ...piece, bytes: new Uint8Array(piece.end - piece.start) }));
        for (let at = 0, turn = 0; at < file.length; turn++) {
          const chunk = file.subarray(at, at + lengths[turn % lengths.length]);
          scatter(chunk, at, filling);
          at += chunk.length;
        }
        for (const { start, end, bytes } of filling) expect(bytes).toEqual(file.slice(start, end));
      }),
    );
  });
});
