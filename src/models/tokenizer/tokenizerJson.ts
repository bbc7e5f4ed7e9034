// tokenizer.json as an encoder and decoder: normalizer, pre-tokenizer, model, post-processor and decoder in turn, each
// option as the Rust library runs it, or refused by name. The JavaScript port of that library, @huggingface/tokenizers
// 0.2.0, gives other ids for 66 of 148 tokenizers that have an option each, without a word; the library itself, compiled
// to WebAssembly, is 4.8 MB and does not load as a module. Hence code of our own, held against the Rust library's ids.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import { type AddedToken, addedToken, sectioner } from "./addedTokens.js";
import { bpe } from "./bpe.js";
import { wellFormed } from "./characters.js";
import { decoder } from "./decoders.js";
import { Part } from "./description.js";
import { normalizer } from "./normalizers.js";
import { type RegexCompiler, regexCompiler } from "./pattern.js";
import { postProcessor } from "./postProcessors.js";
import { preTokenizer } from "./preTokenizers.js";
import type { TokenModel } from "./tokenModel.js";
import { unigram } from "./unigram.js";
import { wordLevel, wordPiece } from "./wordPiece.js";

/** A tokenizer that a tokenizer.json describes. */
export interface TextEncoding {
  /** The ids of a text, piece by piece as they are found, before its post-processor. */
  pieces(text: string): Generator<readonly number[]>;
  /** Those ids as the post-processor leaves them, with or without its special tokens. */
  finished(ids: readonly number[], special: boolean): number[];
  decode(ids: readonly number[]): string;
  idOf(token: string): number | undefined;
}

const models: Readonly<Record<string, (part: Part) => TokenModel>> = {
  BPE: bpe,
  Unigram: unigram,
  WordLevel: wordLevel,
  WordPiece: wordPiece,
};

/** @throws ModelError that names the part, and the type or option that is damaged or not known */
export async function readTokenizerJson(description: Readonly<Record<string, unknown>>): Promise<TextEncoding> {
  const compile = asksForRegex(description) ? await regexCompiler() : noRegex;
  const optional = <T>(key: string, make: (part: Part, compile: RegexCompiler) => T, otherwise: T): T => {
    const value = description[key];
    return value === null || value === undefined ? otherwise : make(Part.of(key, value), compile);
  };
  const normalize = optional("normalizer", normalizer, (piece) => piece);
  const split = optional("pre_tokenizer", preTokenizer, (piece) => [piece]);
  const surround = optional("post_processor", postProcessor, (ids) => [...ids]);
  const join = optional("decoder", decoder, (tokens) => [tokens.join(" ")]);
  const model = modelOf(description["model"]);
  const added = addedTokens(description["added_tokens"]);
  const sections = sectioner(added, normalize);
  const tokens = new Map<number, string>();
  for (const [token, id] of model.vocabulary) tokens.set(id, token);
  for (const { id, content } of added) tokens.set(id, content);

  return {
    *pieces(text) {
      for (const { piece, id } of sections(wellFormed(text))) {
        if (id !== undefined) yield [id];
        else for (const word of split(piece)) if (word.text !== "") yield model.encode(word.text);
      }
    },
    finished: surround,
    decode: (ids) => join(ids.map((id) => tokens.get(id)).filter((token) => token !== undefined)).join(""),
    idOf: (token) => added.find(({ content }) => content === token)?.id ?? model.vocabulary.get(token),
  };
}

function modelOf(value: unknown): TokenModel {
  const fields = (value ?? {}) as Record<string, unknown>;
  // Older files leave the type out: it is told by what the model has.
  const type =
    typeof fields["type"] === "string"
      ? fields["type"]
      : "merges" in fields
        ? "BPE"
        : Array.isArray(fields["vocab"])
          ? "Unigram"
          : "max_input_chars_per_word" in fields || "continuing_subword_prefix" in fields
            ? "WordPiece"
            : "WordLevel";
  const part = Part.of("model", value, type);
  const make = Object.hasOwn(models, type) ? models[type] : undefined;
  if (!make) throw part.unknown(Object.keys(models));
  return make(part);
}

function addedTokens(value: unknown): AddedToken[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new ModelError(`added_tokens is ${excerpt(value)}, not a list`);
  return value.map((token, i) => addedToken(Part.of(`added_tokens[${i}]`, token, "")));
}

/** Whether some part, at any depth, has a pattern in Oniguruma's syntax. */
function asksForRegex(description: Readonly<Record<string, unknown>>): boolean {
  const open: unknown[] = ["normalizer", "pre_tokenizer", "decoder"].map((key) => description[key]);
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    if (Object.hasOwn(value, "Regex")) return true;
    open.push(...Object.values(value));
  }
  return false;
}

const noRegex: RegexCompiler = (source) => {
  throw new ModelError(`the Regex ${JSON.stringify(source)} was not expected here`);
};
