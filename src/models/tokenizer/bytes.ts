// Bytes as printable characters: GPT-2's table (Radford et al. 2019), in which tokens of bytes are written.

const characters: string[] = [];
const bytes = new Map<string, number>();
for (let byte = 0, next = 256; byte < 256; byte++) {
  const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  const character = String.fromCharCode(printable ? byte : next++);
  characters.push(character);
  bytes.set(character, byte);
}

const { TextEncoder, TextDecoder } = globalThis as unknown as {
  TextEncoder: new () => { encode(text: string): Uint8Array };
  TextDecoder: new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ) => { decode(bytes: Uint8Array): string };
};
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The UTF-8 bytes of a text, a character each. */
export function bytesAsCharacters(text: string): string {
  let result = "";
  for (const byte of encoder.encode(text)) result += characters[byte];
  return result;
}

/** The text of such characters; what they are not the bytes of becomes U+FFFD. What is no such character stands for itself. */
export function charactersAsText(text: string): string {
  const values: number[] = [];
  for (const character of text) {
    const byte = bytes.get(character);
    if (byte === undefined) values.push(...encoder.encode(character));
    else values.push(byte);
  }
  return textOf(Uint8Array.from(values));
}

/** The token of a byte where a vocabulary has one for each: <0x0A>. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The text of UTF-8 bytes; U+FFFD stands for what is none. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of bytes; U+FFFD for each of them where they are not UTF-8. */
export function textOrReplacements(values: readonly number[]): string {
  try {
    return strict.decode(Uint8Array.from(values));
  } catch {
    return "\ufffd".repeat(values.length);
  }
}
