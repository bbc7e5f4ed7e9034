// Numbers for people: five significant digits, bounds rounded to the side on which they stay true.

const digits = 5;

export function formatNumber(value: number): string {
  if (value === 0) return "0";
  return Math.abs(value) < 1e-3 ? value.toExponential(digits - 1) : value.toPrecision(digits);
}

/** A lower bound never rounds up, an upper bound never down. */
export function formatBracket(lower: number, upper: number): string {
  return `[${roundOutward(lower, -1)}, ${roundOutward(upper, 1)}]`;
}

function roundOutward(value: number, direction: -1 | 1): string {
  const nearest = formatNumber(value);
  if (direction * (Number(nearest) - value) >= 0) return nearest;
  const exponent = Number(value.toExponential().split("e")[1]);
  return formatNumber(Number(nearest) + direction * 10 ** (exponent - digits + 1));
}
