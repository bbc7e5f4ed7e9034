// From text to token ids: what encodes it is loaded only where a model comes with a text encoding.
import { checkInteger, wrongKind } from "../base/check.js";
import { ModelError } from "../base/errors.js";
import { excerpt } from "./checkpoint/excerpt.js";
import { jsonLimits, readJson } from "./files/json.js";
import { type FileSource, locate } from "./files/source.js";
import type { Tokenizer } from "./model.js";
import type { TextEncoding } from "./tokenizer/tokenizerJson.js";

/** What a text is encoded with, or why it can't be. */
export type TokenizerOrReason = { tokenizer: Tokenizer } | { reason: ModelError };

/** Token that ends (and starts) a text in GPT-2's encoding, and the size of its vocabulary. */
export const gpt2Encoding = { endOfText: 50256, vocabulary: 50257 };

/**
 * The tokenizer of a folder, from its tokenizer.json. A tokenizer that can't be had is no reason to refuse the model: the
 * reason, which names the part or option that is damaged or not known, is kept for `encode`. Its patterns are run as
 * they are: one made for it can take exponential time, so that a tokenizer.json is to be trusted like a program.
 * @returns with `bosToken`, the token that begins a text: bos_token of tokenizer_config.json, else cls_token, else [CLS]
 *   (older BERTs rely on their class for it)
 */
export async function loadTokenizer(source: FileSource): Promise<TokenizerOrReason & { bosToken?: number }> {
  const file = "tokenizer.json";
  const where = locate(source, file);
  if ((await source.size(file)) === undefined) return { reason: noTokenizer(`${where} is missing`, file) };
  try {
    const settings = await optionalJson(source, "tokenizer_config.json");
    const { readTokenizerJson } = await import("./tokenizer/tokenizerJson.js");
    const inner = await readTokenizerJson(await readJson(source, file, jsonLimits.tokenizer));
    return { tokenizer: checked(inner, where, file), bosToken: firstToken(inner, settings) };
  } catch (error) {
    return { reason: noTokenizer(`${where} can't be used (${reasonOf(error)})`, file) };
  }
}

/** The tokenizer in the metadata of a GGUF file, or why it can't be used. */
export async function ggufTokenizer(
  metadata: Readonly<Record<string, unknown>>,
  where: string,
  file: string,
): Promise<TokenizerOrReason> {
  try {
    const { tokenizerJsonOfGguf } = await import("./tokenizer/gguf.js");
    const { readTokenizerJson } = await import("./tokenizer/tokenizerJson.js");
    return { tokenizer: checked(await readTokenizerJson(tokenizerJsonOfGguf(metadata)), where, file) };
  } catch (error) {
    return { reason: noTokenizer(`the tokenizer of ${where} can't be used (${reasonOf(error)})`, file) };
  }
}

/** With arguments checked, and errors that say which file they come from. */
function checked(inner: TextEncoding, where: string, file: string): Tokenizer {
  const attempt = <T>(what: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new ModelError(`${where}: can't ${what} with it (${reasonOf(error)}); token ids work without`, file);
    }
  };
  return {
    encode(text) {
      if (typeof text !== "string") throw wrongKind("text", "a string", text);
      return attempt("encode", () => {
        const ids: number[] = [];
        for (const piece of inner.pieces(text)) for (const id of piece) ids.push(id);
        return inner.finished(ids, false);
      });
    },
    withSpecialTokens: (ids) => inner.finished(ids, true),
    decode(tokens) {
      if (!Array.isArray(tokens)) throw wrongKind("tokens", "an array of token ids", tokens);
      for (const [at, token] of tokens.entries()) checkInteger(`tokens[${at}]`, token, 0);
      return tokens.length === 0 ? "" : attempt("decode", () => inner.decode(tokens));
    },
  };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : excerpt(error);
  return message.length > 200 ? `${message.slice(0, 200)}...` : message;
}

/** GPT-2's own byte pair encoding (r50k_base), special tokens read as plain text. */
export async function loadGpt2Tokenizer(): Promise<TokenizerOrReason> {
  const library = await import("gpt-tokenizer/encoding/r50k_base").catch(() => undefined);
  if (!library) return { reason: noTokenizer("the package gpt-tokenizer is not installed (npm install it)") };
  const plain = { disallowedSpecial: new Set<string>() };
  return {
    tokenizer: {
      encode: (text) => library.encode(text, plain),
      withSpecialTokens: (ids) => [...ids],
      decode: (tokens) => library.decode(tokens),
    },
  };
}

export function noTokenizer(why: string, file?: string): ModelError {
  return new ModelError(`this model can't encode text: ${why}; token ids work without`, file);
}

async function optionalJson(source: FileSource, file: string): Promise<Record<string, unknown>> {
  return (await source.size(file)) === undefined ? {} : readJson(source, file, jsonLimits.tokenizer);
}

function firstToken(tokenizer: TextEncoding, settings: Record<string, unknown>): number | undefined {
  const texts = [settings["bos_token"], settings["cls_token"], "[CLS]"].map((token) =>
    typeof token === "string" ? token : (token as { content?: unknown } | null | undefined)?.content,
  );
  return tokenizer.idOf(texts.find((token): token is string => typeof token === "string")!);
}
