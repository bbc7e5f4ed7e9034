// Token ids and texts as the Rust tokenizers make them (test/oracle/textEncodings.py).
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { readTokenizerJson } from "../../../src/models/tokenizer/tokenizerJson.js";

interface Encoded {
  name: string;
  tokenizer: Record<string, unknown>;
  texts: { text: string; ids: number[] }[];
}
interface Decoded {
  tokenizer: Record<string, unknown>;
  ids: number[];
  text: string;
}

const folder = join(import.meta.dirname, "../../oracle");
const kept: { encode: Encoded[]; decode: Decoded[] } = JSON.parse(
  readFileSync(join(folder, "tokenizers.json"), "utf8"),
);

async function expectIds({ tokenizer, texts }: Encoded): Promise<void> {
  const encoding = await readTokenizerJson(tokenizer);
  for (const { text, ids } of texts) {
    const own = [...encoding.pieces(text)].flat();
    expect(encoding.finished(own, false), JSON.stringify(text)).toEqual(ids);
  }
}

describe("token ids are those of the Rust library", () => {
  it.each(kept.encode.map((entry) => [entry.name, entry] as const))("%s", (_, entry) => expectIds(entry));
});

const shared = join(import.meta.dirname, "../../../../shared/oracle/hf/tokenizers.json.gz");
describe.skipIf(!existsSync(shared))(
  `all tokenizers of the shared oracle (${existsSync(shared) ? "there" : "absent: skipped"})`,
  () => {
    const all: Encoded[] = existsSync(shared) ? JSON.parse(gunzipSync(readFileSync(shared)).toString("utf8")) : [];
    it.each(all.map((entry) => [entry.name, entry] as const))("%s", (_, entry) => expectIds(entry));
  },
);

describe("texts of tokens are those of the Rust library", () => {
  it.each(kept.decode.map((entry) => [JSON.stringify(entry.tokenizer["decoder"]), entry] as const))(
    "%s",
    async (_, { tokenizer, ids, text }) => {
      expect((await readTokenizerJson(tokenizer)).decode(ids)).toBe(text);
    },
  );
});

describe("special tokens", () => {
  const model = { type: "WordLevel", vocab: { a: 0, "[CLS]": 1, "[SEP]": 2 }, unk_token: "a" };

  it.each([
    [{ type: "BertProcessing", sep: ["[SEP]", 2], cls: ["[CLS]", 1] }, [1, 0, 2]],
    [
      {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [],
        special_tokens: { "[CLS]": { id: "[CLS]", ids: [1], tokens: ["[CLS]"] } },
      },
      [1, 0],
    ],
    [null, [0]],
  ])("are put around a text by %j", async (post_processor, expected) => {
    const encoding = await readTokenizerJson({ model, post_processor });
    expect(encoding.finished([0], true)).toEqual(expected);
    expect(encoding.finished([0], false)).toEqual([0]);
  });
});

describe("what is not known is refused by name", () => {
  const model = { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" };

  it.each([
    [{ normalizer: { type: "Rot13" } }, /^normalizer asks for "Rot13", which is not known; known are BertNormalizer/],
    [
      {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [{ type: "Split", pattern: { Glob: "*" }, behavior: "Removed" }],
        },
      },
      /^pre_tokenizer\.pretokenizers\[0\]\.pattern is \{"Glob":"\*"\}, neither a String nor a Regex/,
    ],
    [
      { pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "Exploded" } },
      /^pre_tokenizer\.behavior is "Exploded", not one of Removed, Isolated/,
    ],
    [
      { pre_tokenizer: { type: "Split", pattern: { Regex: "(" }, behavior: "Removed" } },
      /the Regex "\(" can't be run here/,
    ],
    [{ model: { ...model, type: "Markov" } }, /^model asks for "Markov", which is not known; known are BPE, Unigram/],
    [{ model: { ...model, vocab: { a: -1 } } }, /^model\.vocab gives "a" the id -1/],
    [{ decoder: { type: "Morse" } }, /^decoder asks for "Morse"/],
    [{ post_processor: { type: "Frame" } }, /^post_processor asks for "Frame"/],
    [{ added_tokens: [{ content: 1 }] }, /^added_tokens\[0\]\.content is 1, not a string/],
    [{ normalizer: { type: "Precompiled", precompiled_charsmap: "AAAA" } }, /precompiled_charsmap is damaged/],
    [{ model: { type: "BPE", vocab: { a: 0 }, merges: ["a b"] } }, /^model\.merges\[0\] is not two tokens/],
  ])("%j", async (part, message) => {
    await expect(readTokenizerJson({ model, ...part })).rejects.toThrow(message);
  });
});

describe("long texts", () => {
  it("fall apart where no token joins their characters, with the ids of the whole", async () => {
    const vocab = Object.fromEntries(["a", "b", "▁", "▁a", "ab", "▁ab", "<unk>"].map((token, id) => [token, id]));
    const merges = ["a b", "▁ ab", "▁ a"];
    const encoding = await readTokenizerJson({ model: { type: "BPE", vocab, merges, unk_token: "<unk>" } });
    const word = "▁ab▁a▁b";
    const [short] = encoding.pieces(word);
    expect([...encoding.pieces(word.repeat(1000))].flat()).toEqual(Array(1000).fill(short).flat());
  });
});
