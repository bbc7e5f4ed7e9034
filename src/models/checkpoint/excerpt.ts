// A value of a file as an error message shows it.
import { describe } from "../../base/check.js";

const longest = 100;

/** Its JSON, cut to what fits into a message; what is nested too deep to be written is described in words. */
export function excerpt(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return describe(value);
  }
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}

/** As in [2, 3]; of very many extents the first ones. */
export function excerptOfShape(shape: readonly number[]): string {
  return `[${shape.slice(0, 8).join(", ")}${shape.length > 8 ? ", ..." : ""}]`;
}
