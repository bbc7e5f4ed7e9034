// The tokenizer that a GGUF file carries in its metadata, as a tokenizer.json says the same (llama.cpp's src/llama-vocab.cpp).
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";

type Description = Readonly<Record<string, unknown>>;

/** Kinds of tokens in tokenizer.ggml.token_type. */
const [unknownKind, controlKind, userKind] = [2, 3, 4];

/**
 * A description for `readTokenizerJson`, from the keys tokenizer.ggml.*.
 * @throws ModelError for a kind of tokenizer, or a way of cutting text, that is not known: it is named
 */
export function tokenizerJsonOfGguf(metadata: Description): Description {
  const kind = metadata["tokenizer.ggml.model"];
  const tokens = strings(metadata, "tokenizer.ggml.tokens");
  const kinds = numbers(metadata, "tokenizer.ggml.token_type", tokens.length) ?? new Array(tokens.length).fill(1);
  const vocab = new Map(tokens.map((token, id) => [token, id]));
  const added_tokens = tokens.flatMap((content, id) =>
    kinds[id] === controlKind || kinds[id] === userKind
      ? [{ id, content, normalized: false, special: kinds[id] === controlKind }]
      : [],
  );
  if (kind === "gpt2") {
    const { ignoreMerges = false, pre } = cuttingOf(metadata["tokenizer.ggml.pre"]);
    const model = {
      type: "BPE",
      vocab: Object.fromEntries(vocab),
      merges: strings(metadata, "tokenizer.ggml.merges"),
      ignore_merges: ignoreMerges,
    };
    return { added_tokens, pre_tokenizer: pre, decoder: { type: "ByteLevel" }, model };
  }
  if (kind === "llama") {
    const scores = numbers(metadata, "tokenizer.ggml.scores", tokens.length);
    if (!scores) throw new ModelError("tokenizer.ggml.scores is missing");
    return { added_tokens, ...sentencePiece(metadata, tokens, vocab, scores, kinds) };
  }
  throw new ModelError(`tokenizer.ggml.model is ${excerpt(kind)}; known are "gpt2" and "llama"`);
}

/** A sentencepiece model whose pairs are merged by the score of what they make. */
function sentencePiece(
  metadata: Description,
  tokens: readonly string[],
  vocab: ReadonlyMap<string, number>,
  scores: readonly number[],
  kinds: readonly number[],
): Description {
  const prefixed = metadata["tokenizer.ggml.add_space_prefix"] !== false;
  const unknown = kinds.indexOf(unknownKind);
  const merges = tokens.flatMap((token, id) => {
    const characters = [...token];
    return characters.slice(1).flatMap((_, i) => {
      const pair = [characters.slice(0, i + 1).join(""), characters.slice(i + 1).join("")] as const;
      return pair.every((part) => vocab.has(part)) ? [{ pair, score: scores[id] }] : [];
    });
  });
  merges.sort(
    (a, b) => b.score - a.score || b.pair[0].length - a.pair[0].length || b.pair[1].length - a.pair[1].length,
  );
  const spaces = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const prepend = { type: "Prepend", prepend: "▁" };
  const back = { type: "Replace", pattern: { String: "▁" }, content: " " };
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return {
    normalizer: { type: "Sequence", normalizers: prefixed ? [prepend, spaces] : [spaces] },
    decoder: {
      type: "Sequence",
      decoders: [back, { type: "ByteFallback" }, { type: "Fuse" }, ...(prefixed ? [strip] : [])],
    },
    model: {
      type: "BPE",
      vocab: Object.fromEntries(vocab),
      merges: merges.map(({ pair }) => pair),
      unk_token: unknown < 0 ? null : tokens[unknown],
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

interface Cutting {
  /** A piece that is a token as it stands is not cut, whatever the merges say. */
  readonly ignoreMerges?: boolean;
  readonly pre: Description;
}

const byteLevel = (use_regex: boolean) => ({ type: "ByteLevel", add_prefix_space: false, use_regex });
const inTurn = (...pretokenizers: Description[]) => ({ type: "Sequence", pretokenizers });
const isolated = (regex: string) => ({ type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false });
const patterns = (...regexes: string[]) => inTurn(...regexes.map(isolated), byteLevel(false));

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const words = (digits: string) =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const cased = (ending: string, digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${ending}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${ending}|${digits}|` +
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const bloom = " ?[^(\\s|.,!?…。，、।۔،)]+";

const plain: Cutting = { pre: byteLevel(true) };
const digitByDigit: Cutting = { pre: inTurn({ type: "Digits", individual_digits: true }, byteLevel(true)) };
const llama3: Cutting = { ignoreMerges: true, pre: patterns(words("\\p{N}{1,3}")) };
const qwen2: Cutting = { pre: patterns(words("\\p{N}")) };

/** By the names of tokenizer.ggml.pre. */
const cuttings: Readonly<Record<string, Cutting>> = {
  default: { pre: patterns("[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2, "\\p{N}+", "[0-9][0-9][0-9]") },
  falcon: { pre: patterns("[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2, "[0-9][0-9][0-9]") },
  bloom: { pre: patterns(bloom) },
  "gpt3-finnish": { pre: patterns(bloom) },
  "poro-chat": { pre: patterns(bloom) },
  viking: { pre: patterns(bloom, "\\p{N}") },
  tekken: { ignoreMerges: true, pre: patterns(cased("", "\\p{N}")) },
  "gpt-4o": { pre: patterns(cased(`${contractions}?`, "\\p{N}{1,3}")) },
  "deepseek-v3": {
    pre: patterns(
      "\\p{N}{1,3}",
      "[一-龥\\x{3040}-ゟ゠-ヿ]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|" +
        " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ),
  },
  dbrx: { pre: llama3.pre },
  "smaug-bpe": { pre: llama3.pre },
  "chatglm-bpe": { pre: llama3.pre },
  glm4: { pre: llama3.pre },
  ...Object.fromEntries(["llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral"].map((name) => [name, llama3])),
  ...Object.fromEntries(["qwen2", "stablelm2", "hunyuan", "megrez", "deepseek-r1-qwen"].map((name) => [name, qwen2])),
  ...Object.fromEntries(
    ["gpt-2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe", "trillion"].map((name) => [name, plain]),
  ),
  ...Object.fromEntries(
    ["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"].map((name) => [
      name,
      digitByDigit,
    ]),
  ),
};

function cuttingOf(name: unknown): Cutting {
  const cutting = typeof name === "string" && Object.hasOwn(cuttings, name) ? cuttings[name] : undefined;
  if (cutting) return cutting;
  throw new ModelError(
    `tokenizer.ggml.pre is ${excerpt(name)}, which is not known; known are ${Object.keys(cuttings).join(", ")}`,
  );
}

function strings(metadata: Description, key: string): string[] {
  const value = metadata[key];
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  throw new ModelError(`${key} is ${excerpt(value)}, not a list of strings`);
}

function numbers(metadata: Description, key: string, length: number): number[] | undefined {
  const value = metadata[key];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.length === length && value.every((entry) => typeof entry === "number"))
    return value;
  throw new ModelError(`${key} is ${excerpt(value)}, not a list of ${length} numbers`);
}
