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

/** Two numbers, the first the larger, with as many digits as tell them apart, five at least. */
export function apart(larger: number, smaller: number): [larger: string, smaller: string] {
  for (let precision = digits; precision < 17; precision++) {
    const texts = [larger, smaller].map((value) => (value === 0 ? "0" : value.toPrecision(precision)));
    if (Number(texts[0]) > Number(texts[1])) return [texts[0], texts[1]];
  }
  return [String(larger), String(smaller)];
}

function roundOutward(value: number, direction: -1 | 1): string {
  const nearest = formatNumber(value);
  if (direction * (Number(nearest) - value) >= 0) return nearest;
  const exponent = Number(value.toExponential().split("e")[1]);
  return formatNumber(Number(nearest) + direction * 10 ** (exponent - digits + 1));
}

/** For charts, where room is scarce: 0.207, 12.1, 1,230, 1.23×10⁵. */
export function formatShort(value: number, digits = 3): string {
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -3 || exponent > 4) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    const trimmed = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return `${trimmed === "1" ? "" : `${trimmed}×`}10${superscript(Number(power))}`;
  }
  const rounded = Number(value.toPrecision(digits));
  if (Math.abs(rounded) >= 1000) return String(Math.round(rounded)).replace(/(\d)(\d{3})$/, "$1,$2");
  return rounded.toPrecision(Math.max(digits, String(Math.trunc(Math.abs(rounded))).length));
}

/** For ticks, which are round already: 0.02, 8, 1024, 2×10⁵. */
export function formatTick(value: number): string {
  const exponent = Math.floor(Math.log10(value));
  return exponent < -4 || exponent > 4 ? formatShort(value, 6) : String(Number(value.toPrecision(6)));
}

/** With a real minus sign, as in −0.250. */
export function formatFixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

function superscript(integer: number): string {
  return String(integer).replace(/./g, (digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]);
}

/** 512 B, 1.5 kB, 12.3 MB, 4.1 GB. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  // 999.95 would be rounded to 1000.0.
  for (; unit < units.length - 1 && bytes >= (unit === 0 ? 1000 : 999.95); unit++) bytes /= 1000;
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
