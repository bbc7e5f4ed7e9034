// Tokenizers of GGUF files: ids as sentencepiece makes them (test/oracle/sentencepiece.py), and as byte pair encoding does.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tokenizerJsonOfGguf } from "../../../src/models/tokenizer/gguf.js";
import { readTokenizerJson } from "../../../src/models/tokenizer/tokenizerJson.js";

const {
  tokens,
  scores,
  types,
  texts,
}: { tokens: string[]; scores: number[]; types: number[]; texts: [string, number[]][] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../oracle/sentencepiece.json"), "utf8"),
);

const sentencepiece = {
  "tokenizer.ggml.model": "llama",
  "tokenizer.ggml.tokens": tokens,
  "tokenizer.ggml.scores": scores,
  "tokenizer.ggml.token_type": types,
};
const letters = ["a", "b", "1", "2", "Ġ", "ab", "12", "<end>"];
const bytePairs = (pre: unknown) => ({
  "tokenizer.ggml.model": "gpt2",
  "tokenizer.ggml.pre": pre,
  "tokenizer.ggml.tokens": letters,
  "tokenizer.ggml.token_type": [1, 1, 1, 1, 1, 1, 1, 3],
  "tokenizer.ggml.merges": ["a b", "1 2"],
});

async function encoded(metadata: Record<string, unknown>, text: string): Promise<number[]> {
  return [...(await readTokenizerJson(tokenizerJsonOfGguf(metadata))).pieces(text)].flat();
}

describe("the tokenizer of a GGUF file", () => {
  it.each(texts)("gives the ids of sentencepiece for %j, and the text back", async (text, ids) => {
    const encoding = await readTokenizerJson(tokenizerJsonOfGguf(sentencepiece));
    expect([...encoding.pieces(text)].flat()).toEqual(ids);
    expect(encoding.decode(ids)).toBe(text);
  });

  it("puts no space in front where the file says so", async () => {
    const [first] = await encoded({ ...sentencepiece, "tokenizer.ggml.add_space_prefix": false }, "x");
    expect(tokens[first]).toBe("x");
  });

  it("cuts digits as its `pre` says, and finds control tokens", async () => {
    expect(await encoded(bytePairs("gpt-2"), "ab 12<end>")).toEqual([5, 4, 6, 7]);
    expect(await encoded(bytePairs("smollm"), "ab 12<end>")).toEqual([5, 4, 2, 3, 7]);
    expect(await encoded(bytePairs("llama-bpe"), "ab 12<end>")).toEqual([5, 4, 6, 7]);
  });

  it.each([
    [bytePairs("mystery"), /^tokenizer\.ggml\.pre is "mystery", which is not known; known are default, falcon/],
    [
      { ...sentencepiece, "tokenizer.ggml.model": "rwkv" },
      /^tokenizer\.ggml\.model is "rwkv"; known are "gpt2" and "llama"/,
    ],
    [{ ...sentencepiece, "tokenizer.ggml.tokens": 5 }, /^tokenizer\.ggml\.tokens is 5, not a list of strings/],
    [
      { ...sentencepiece, "tokenizer.ggml.scores": [1] },
      /^tokenizer\.ggml\.scores is \[1\], not a list of 900 numbers/,
    ],
  ])("is refused by name where it is not known", (metadata, message) => {
    expect(() => tokenizerJsonOfGguf(metadata)).toThrow(message);
  });
});
