// What each stack of a model reads of an input that may hold something for several.
import { checkKeys, wrongKind } from "../../base/check.js";
import type { Stack } from "../architectures/architecture.js";
import type { ModelInput } from "../model.js";

/** An input of a stack, and how many tokens it makes. */
export interface ReadInput {
  readonly input: ModelInput;
  readonly length: number;
}

const keys = ["tokens", "pixels", "features", "decoderTokens"];

/**
 * Token ids, an image or a spectrogram, whichever the stack reads; it is not checked further.
 * @throws TypeError for an input that holds nothing for the stack, RangeError for what another stack reads
 */
export function inputOfStack(
  label: string,
  { name, embedding, blocks }: Stack,
  input: ModelInput,
  stacks: readonly string[],
): ModelInput {
  if (input === null || typeof input !== "object") return input;
  const several = stacks.length > 1;
  if (Array.isArray(input)) {
    if (!several || (embedding.reads === "tokens" && !blocks[0].cross)) return input;
    const wanted = blocks[0].cross ? "{ tokens, decoderTokens }" : `{ ${embedding.reads} }`;
    throw new RangeError(`"${label}": expected ${wanted} for the stack "${name}", got token ids alone`);
  }
  const given = input as unknown as Readonly<Record<string, unknown>>;
  if (!several && !("tokens" in given)) return input;
  checkKeys(label, given, keys);
  const key = blocks[0].cross ? "decoderTokens" : embedding.reads;
  const own = given[key];
  if (own === undefined) throw wrongKind(label, `an object with ${key}, for the stack "${name}"`, input);
  return key === "pixels" || key === "features"
    ? ({ [key]: own } as unknown as ModelInput)
    : (own as readonly number[]);
}
