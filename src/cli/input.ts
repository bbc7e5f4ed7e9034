// Reads the text or the tokens to measure on.
import { readFile, stat } from "node:fs/promises";
import { explain } from "./files.js";

/** Longer files are refused: a sweep uses samples × length tokens, far fewer, and would tokenize all of it first. */
const largestFile = 64 * 2 ** 20;

export async function readText(path: string): Promise<string> {
  const text = await read(path, "--text");
  if (text.trim() === "") throw new Error(`--text: ${path} is empty; give a file with some text`);
  return text;
}

export async function readTokens(path: string): Promise<number[]> {
  const text = await read(path, "--tokens");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`--tokens: ${path} is not JSON (${(error as Error).message}); expected an array of token ids`);
  }
  if (!Array.isArray(value)) throw new Error(`--tokens: ${path} holds no JSON array; expected an array of token ids`);
  if (value.length === 0) throw new Error(`--tokens: ${path} is an empty array; give at least one token id`);
  const wrong = value.findIndex((token) => !Number.isSafeInteger(token) || token < 0);
  if (wrong >= 0) {
    throw new Error(
      `--tokens: ${path}: expected token ids (integers from 0), got ${JSON.stringify(value[wrong])} at [${wrong}]`,
    );
  }
  return value;
}

async function read(path: string, flag: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > largestFile) {
      throw new Error(`${path} has ${size} bytes, more than the ${largestFile} that are read; cut it shorter`);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError) throw new Error(`${flag}: ${path} is not UTF-8 text; convert it first`);
    throw new Error(`${flag}: ${explain(error, path)}`);
  }
}
