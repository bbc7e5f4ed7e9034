// Numbers as people write them on a command line.

/** A decimal number; null where it is none, or too large. */
export function parseNumber(text: string): number | null {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

/** `8,32,64`, `2:100:2` or both; both ends of a range are included. Null where it is none of that. */
export function parseIntegers(text: string): number[] | null {
  const integers: number[] = [];
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,9})(?::(\d{1,9}))?(?::(\d{1,9}))?\s*$/.exec(part);
    if (!match) return null;
    const from = Number(match[1]);
    const to = Number(match[2] ?? from);
    const step = Number(match[3] ?? 1);
    if (to < from || step < 1 || (to - from) / step >= 1e5) return null;
    for (let value = from; value <= to; value += step) integers.push(value);
  }
  return new Set(integers).size === integers.length ? integers : null;
}
