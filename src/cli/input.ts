// Reads the text or the tokens to measure on, and earlier reports.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Report } from "../analysis/report.js";
import { parseReport } from "../report/parse.js";
import { explain } from "./files.js";

/** Longer files are refused: a sweep uses samples × length tokens, far fewer, and would tokenize all of it first; a report of 200 000 rows fits. */
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

/**
 * The report in a file, or in the folder that it was written to.
 * @param what names it in errors: a flag or an operand
 */
export async function readReport(path: string, what: string): Promise<Report> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, "report.json") : path;
  const text = await read(file, what);
  try {
    return parseReport(text);
  } catch (error) {
    throw new Error(`${what}: ${file} is no report that this version can read: ${(error as Error).message}`);
  }
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
