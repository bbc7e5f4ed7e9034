// XML and HTML as strings. Whatever comes out of a report passes through `escapeText`.

/**
 * Text as it may stand between tags and in double-quoted attributes, of HTML and of XML 1.0: what neither can hold
 * (control characters, halves of surrogate pairs) becomes U+FFFD.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => entities[character]);
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** An attribute that is undefined is left out; numbers are rounded to hundredths, the resolution of a drawing. */
export type Attributes = Record<string, string | number | undefined>;

/** One element; the children are markup already. */
export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined) as [string, string | number][];
  const list = given.map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? hundredths(value) : escapeText(value)}"`,
  );
  const start = `<${name}${list.join("")}`;
  return children.length === 0 ? `${start}/>` : `${start}>${children.join("")}</${name}>`;
}

/** @throws RangeError for a number that no drawing can hold */
export function hundredths(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a coordinate of a drawing is ${value}; please report this`);
  return String(Math.round(value * 100) / 100 + 0);
}
