// The architectures that can be read, by the model_type of config.json.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import { build } from "./build.js";
import { ConfigFile } from "./config.js";
import { bloom, falcon, mpt } from "./families/alibi.js";
import { bert, distilbert, roberta } from "./families/bert.js";
import * as clip from "./families/clip.js";
import { albert, electra, esm, gte, jina, modernbert, mpnet, nomicBert } from "./families/encoders.js";
import * as experts from "./families/experts.js";
import { exaone4, gemma, gemma2, gemma3, glm, glm4, olmo, olmo2, olmo3 } from "./families/gemma.js";
import * as gpt from "./families/gpt.js";
import * as llama from "./families/llama.js";
import * as phi from "./families/phi.js";
import * as seq2seq from "./families/seq2seq.js";
import * as vit from "./families/vit.js";
import type { Family } from "./family.js";
import { hasBlocks } from "./sizes.js";

export type ArchitectureReader = (config: ConfigFile, weights: WeightSource) => Architecture;

/** By model_type. */
export const families: Readonly<Record<string, Family>> = {
  gpt2: gpt.gpt2,
  "openai-gpt": gpt.openaiGpt,
  gpt_neo: gpt.gptNeo,
  gpt_bigcode: gpt.gptBigcode,
  gptj: gpt.gptj,
  codegen: gpt.codegen,
  gpt_neox: gpt.gptNeox,
  opt: gpt.opt,
  biogpt: gpt.biogpt,
  xglm: gpt.xglm,
  bloom,
  mpt,
  falcon,
  llama: llama.llama,
  mistral: llama.mistral,
  ministral: llama.mistral,
  ministral3: llama.ministral3,
  qwen2: llama.qwen2,
  qwen3: llama.qwen3,
  smollm3: llama.smollm3,
  granite: llama.granite,
  seed_oss: llama.seedOss,
  internlm3: llama.internlm3,
  arcee: llama.arcee,
  apertus: llama.apertus,
  ernie4_5: llama.ernie,
  helium: llama.helium,
  hunyuan_v1_dense: llama.hunyuan,
  mixtral: experts.mixtral,
  qwen2_moe: experts.qwen2Moe,
  qwen3_moe: experts.qwen3Moe,
  olmoe: experts.olmoe,
  granitemoe: experts.graniteMoe,
  gemma,
  gemma2,
  gemma3_text: gemma3,
  olmo,
  olmo2,
  olmo3,
  exaone: phi.exaone,
  exaone4,
  glm,
  glm4,
  phi: phi.phi,
  phi3: phi.phi3,
  persimmon: phi.persimmon,
  stablelm: phi.stablelm,
  starcoder2: phi.starcoder2,
  cohere: phi.cohere,
  cohere2: phi.cohere2,
  nemotron: phi.nemotron,
  bert,
  roberta,
  "xlm-roberta": roberta,
  camembert: roberta,
  distilbert,
  electra,
  albert,
  mpnet,
  modernbert,
  nomic_bert: nomicBert,
  jina_embeddings_v3: jina,
  gte,
  new: gte,
  eurobert: llama.eurobert,
  esm,
  vit: vit.vit,
  deit: vit.deit,
  ijepa: vit.ijepa,
  vit_mae: vit.vitMae,
  beit: vit.beit,
  dinov2: vit.dinov2,
  dinov2_with_registers: vit.dinov2Registers,
  dinov3_vit: vit.dinov3,
  clip_text_model: clip.clipText,
  clip_vision_model: clip.clipVision,
  siglip_text_model: clip.siglipText,
  siglip_vision_model: clip.siglipVision,
};

/** Models of two stacks, each with a section of its own. */
const pairs: Readonly<Record<string, readonly [text: Family, vision: Family]>> = {
  clip: [clip.clipText, clip.clipVision],
  siglip: [clip.siglipText, clip.siglipVision],
};

/** Models of an encoder and a decoder. */
const sequences: Readonly<Record<string, seq2seq.SequencePair>> = {
  t5: seq2seq.t5,
  mt5: seq2seq.mt5,
  umt5: seq2seq.umt5,
  bart: seq2seq.bart,
  mbart: seq2seq.mbart,
  marian: seq2seq.marian,
  pegasus: seq2seq.pegasus,
  m2m_100: seq2seq.m2m100,
  whisper: seq2seq.whisper,
};

/** Models of several parts, whose text stands under text_config with a model_type of its own. */
const nested = ["gemma3", "mistral3"];

/** Named where one is asked for that isn't there. */
const wellKnown = ["gpt2", "llama", "mistral", "qwen2", "gemma", "phi", "bert", "roberta", "vit"];

/** @throws ModelError for a model_type that isn't implemented; it names some that are. */
export function architectureOf(config: ConfigFile): ArchitectureReader {
  const { model_type: type, architectures: classes } = config.values;
  const text = nested.includes(type as string) ? config.section("text_config") : undefined;
  if (text) {
    const read = architectureOf(text);
    return (_, weights) => read(text, weights);
  }
  if (typeof type === "string" && Object.hasOwn(pairs, type)) return pairOf(type);
  if (typeof type === "string" && Object.hasOwn(sequences, type)) return sequenceOf(type);
  if (typeof type === "string" && Object.hasOwn(families, type)) {
    return (file, weights) => build(type, families[type], file, weights);
  }
  const found = typeof type === "string" ? excerpt(type) : `not given (architectures: ${excerpt(classes ?? null)})`;
  const others = Object.keys({ ...families, ...pairs, ...sequences }).length + nested.length - wellKnown.length;
  throw new ModelError(
    `${config.file}: "${config.path}model_type" is ${found}; supported are ${wellKnown.join(", ")} and ` +
      `${others} others (README.md, "Models")`,
    "config.json",
  );
}

/** Both stacks; the text's sizes stand for the model's. */
function pairOf(type: string): ArchitectureReader {
  return (config, weights) => {
    const [text, vision] = pairs[type].map((family, at) => {
      const key = at === 0 ? "text_config" : "vision_config";
      // The older form, which goes before where it isn't null.
      const older = Object.entries(config.section(`${key}_dict`)?.values ?? {}).filter(([, value]) => value !== null);
      const section = config.section(key) ?? new ConfigFile({}, config.file, `${key}.`);
      return build(
        type,
        family,
        new ConfigFile({ ...section.values, ...Object.fromEntries(older) }, config.file, section.path),
        weights,
      );
    });
    return { config: text.config, stacks: [...text.stacks, ...vision.stacks] };
  };
}

/** The encoder, and the decoder where the file has one, whose sizes then stand for the model's. */
function sequenceOf(type: string): ArchitectureReader {
  return (config, weights) => {
    const { encoder, decoder } = sequences[type];
    const first = build(type, encoder, config, weights);
    if (!hasBlocks(config, weights, decoder)) return first;
    const second = build(type, decoder, config, weights);
    return { config: second.config, stacks: [...first.stacks, ...second.stacks] };
  };
}
