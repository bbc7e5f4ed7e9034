// Text from outside on its way to a terminal: what would steer it, or turn the reading order, is shown instead.

/** Controls but tab and newline, C1, marks that order text from right to left, and separators that some take for lines. */
const steering =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** With each such character as \u and four digits, which JSON reads as that character. */
export function visible(text: string): string {
  return text.replace(steering, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
