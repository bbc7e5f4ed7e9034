// Post-processors: the special tokens that a model is used with, [CLS] … [SEP].
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import { Part } from "./description.js";

/** What becomes of the ids of a text: special tokens around them, if they are wanted. */
export type PostProcessor = (ids: readonly number[], special: boolean) => number[];

const makers: Readonly<Record<string, (part: Part) => PostProcessor>> = {
  BertProcessing: around,
  ByteLevel: () => (ids) => [...ids],
  RobertaProcessing: around,
  Sequence: (part) => {
    const steps = part.parts("processors").map(postProcessor);
    return (ids, special) => steps.reduce((result: number[], step) => step(result, special), [...ids]);
  },
  TemplateProcessing: template,
};

/** @throws ModelError that names a type or option that is not known */
export function postProcessor(part: Part): PostProcessor {
  const make = Object.hasOwn(makers, part.type) ? makers[part.type] : undefined;
  if (!make) throw part.unknown(Object.keys(makers));
  return make(part);
}

function around(part: Part): PostProcessor {
  const [cls, sep] = ["cls", "sep"].map((key) => {
    const pair = part.list(key);
    if (pair.length !== 2 || !Number.isSafeInteger(pair[1])) {
      throw new ModelError(`${part.path}.${key} is ${excerpt(pair)}, not a token and its id`);
    }
    return pair[1] as number;
  });
  return (ids, special) => (special ? [cls, ...ids, sep] : [...ids]);
}

function template(part: Part): PostProcessor {
  const named = Part.of(`${part.path}.special_tokens`, part.raw("special_tokens") ?? {}, "");
  const pieces = part.list("single").map((piece, i) => {
    const { Sequence: sequence, SpecialToken: token } = (piece ?? {}) as {
      Sequence?: unknown;
      SpecialToken?: { id?: unknown };
    };
    if (sequence) return undefined;
    const name = token?.id;
    const ids = typeof name === "string" && named.has(name) ? (named.raw(name) as { ids?: unknown }).ids : undefined;
    if (!Array.isArray(ids) || !ids.every((id) => Number.isSafeInteger(id))) {
      throw new ModelError(`${part.path}.single[${i}] is ${excerpt(piece)}, neither the text nor a special token`);
    }
    return ids as number[];
  });
  // Without special tokens a template may still repeat the text.
  return (ids, special) => pieces.flatMap((piece) => (piece === undefined ? [...ids] : special ? piece : []));
}
