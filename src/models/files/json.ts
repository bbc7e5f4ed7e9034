// JSON from outside: its size, depth and number of values are counted before anything is made of it, piece by piece, so that
// what is hostile or damaged costs no memory. Python's words NaN and Infinity, which are no JSON, become strings: a key of
// no concern may hold them, and one that matters refuses a string.
import { ModelError } from "../../base/errors.js";
import { refusePointer } from "./lfs.js";
import { decodeUtf8, type FileSource, locate } from "./source.js";

/** The most that a file of a kind may hold. */
export interface JsonLimits {
  readonly bytes: number;
  /** Elements and members of all arrays and objects. */
  readonly values: number;
  /** Bytes of one string, and of all white space between values; a tokenizer's table is a long string, written in many lines. */
  readonly string: number;
}

const MiB = 2 ** 20;
/** Nested deeper, nothing that a model comes with is. */
const deepest = 64;
/** Read and counted at a time. */
const pieceBytes = 8 * MiB;

export const jsonLimits = {
  config: { bytes: MiB, values: 100_000, string: MiB },
  index: { bytes: 16 * MiB, values: 1_000_000, string: MiB },
  tokenizer: { bytes: 64 * MiB, values: 4_000_000, string: 16 * MiB },
  /** Of a safetensors file; its length is the reference implementation's limit. */
  header: { bytes: 100_000_000, values: 4_000_000, string: 4 * MiB },
} as const satisfies Record<string, JsonLimits>;

/** A JSON file that holds an object. @throws ModelError where it is no JSON, or more than its kind may hold */
export async function readJson(
  source: FileSource,
  file: string,
  limits: JsonLimits = jsonLimits.config,
): Promise<Record<string, unknown>> {
  const where = locate(source, file);
  const size = await source.size(file);
  if (size === undefined) throw new ModelError(`${where}: no such file`, file);
  const { value } = await readJsonBetween(source, file, 0, size, limits, where);
  return value;
}

/** The JSON object in the bytes [start, end) of a file, and its text. `what` names it in errors. */
export async function readJsonBetween(
  source: FileSource,
  file: string,
  start: number,
  end: number,
  limits: JsonLimits,
  what: string,
): Promise<{ value: Record<string, unknown>; text: string }> {
  const fail = (problem: string) => new ModelError(`${what}: ${problem}`, file);
  if (start === 0) await refusePointer(source, file, end);
  if (end - start > limits.bytes) throw fail(`${end - start} bytes, more than the ${limits.bytes} read as JSON`);
  const count = counter(limits, fail);
  const pieces: Uint8Array[] = [];
  for (let at = start; at < end; at += pieceBytes) {
    const piece = await source.read(file, at, Math.min(end, at + pieceBytes));
    count(piece);
    pieces.push(piece);
  }
  let text: string;
  try {
    text = decodeUtf8(joined(pieces));
  } catch (error) {
    throw fail(`not JSON in UTF-8 (${(error as Error).message})`);
  }
  const value = parsed(text, fail);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw fail("expected a JSON object");
  return { value: value as Record<string, unknown>, text };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0];
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

type Fail = (problem: string) => ModelError;

function parsed(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Strings are kept as they are, and what stands between them is looked at.
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) =>
      found.startsWith('"') ? found : `"${found}"`,
    );
    try {
      return JSON.parse(quoted);
    } catch {
      throw fail(`not JSON in UTF-8 (${(error as Error).message})`);
    }
  }
}

/** What a byte outside of a string is. */
const kinds = { other: 0, blank: 1, quote: 2, comma: 3, opening: 4, closing: 5 };
const kindOf = new Uint8Array(256);
kindOf.fill(kinds.blank, 0, 0x21);
for (const [characters, kind] of [
  ['"', kinds.quote],
  [",", kinds.comma],
  ["[{", kinds.opening],
  ["]}", kinds.closing],
] as const) {
  for (const character of characters) kindOf[character.charCodeAt(0)] = kind;
}
const [quote, backslash] = [0x22, 0x5c];

/** Counts what the bytes hold, handed over in pieces, and refuses what is too much as soon as it is seen. */
function counter(limits: JsonLimits, fail: Fail): (piece: Uint8Array) => void {
  let depth = 0;
  let values = 0;
  let blank = 0;
  let string = 0;
  let inString = false;
  let escaped = false;
  return (piece) => {
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
        if (++string > limits.string) throw fail(`a string of more than ${limits.string} bytes`);
        continue;
      }
      const kind = kindOf[byte];
      if (kind === kinds.other) continue;
      if (kind === kinds.quote) {
        inString = true;
        string = 0;
      } else if (kind === kinds.closing) depth--;
      else if (kind === kinds.blank) {
        if (++blank > limits.string) throw fail(`more than ${limits.string} bytes of white space`);
      } else {
        if (++values > limits.values) throw fail(`more than ${limits.values} values`);
        if (kind === kinds.opening && ++depth > deepest) throw fail(`nested more than ${deepest} deep`);
      }
    }
  };
}
