// What the models of tokenizer.json have in common: a vocabulary, and the ids of a piece of text.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import type { Part } from "./description.js";

/** Ids by token. */
export type Vocabulary = ReadonlyMap<string, number>;

export interface TokenModel {
  readonly vocabulary: Vocabulary;
  /** @throws ModelError where the piece is unknown and there is no unknown token */
  encode(piece: string): readonly number[];
}

/** More would not fit into what merges are looked up by; the largest vocabularies have a few hundred thousand tokens. */
const mostTokens = 2 ** 26;

/** The vocabulary of a model, an object of ids by token. */
export function vocabularyOf(part: Part): Vocabulary {
  const vocab = part.raw("vocab");
  if (typeof vocab !== "object" || vocab === null || Array.isArray(vocab)) {
    throw new ModelError(`${part.path}.vocab is ${excerpt(vocab)}, not an object of ids by token`);
  }
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id) || id < 0 || id >= mostTokens) {
      throw new ModelError(`${part.path}.vocab gives ${excerpt(token)} the id ${excerpt(id)}`);
    }
    vocabulary.set(token, id);
  }
  return vocabulary;
}

/** Finds the id of the unknown token when it is first needed: a file may name one that it lacks and never uses. */
export function unknownToken(part: Part): ((vocabulary: Vocabulary) => number) | undefined {
  if (!part.has("unk_token")) return undefined;
  const token = part.text("unk_token");
  return (vocabulary) => {
    const id = vocabulary.get(token);
    if (id === undefined) throw new ModelError(`${part.path}.unk_token ${excerpt(token)} is not in the vocabulary`);
    return id;
  };
}
