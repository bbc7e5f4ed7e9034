// The input of a model that reads tokens.

import { byPosition, byToken, type Embedding, type Table, tokenEmbedding } from "../forward/embedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { ModelConfig } from "../model.js";
import type { ConfigFile } from "./config.js";
import type { Family, PositionTable } from "./family.js";
import { linear, norm } from "./modules.js";
import { of } from "./of.js";
import { rotary } from "./rope.js";
import type { Sizes } from "./sizes.js";

export type Input = Pick<ModelConfig, "vocabulary" | "context" | "bosToken" | "image"> & { embedding: Embedding };

/** The embedding, and what the model says of its inputs. */
export function embeddingOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  sizes: Sizes,
  prefix: string,
): Input {
  const { width, epsilon } = sizes;
  const vocabulary = config.count("vocab_size");
  const words = family.embedWidth?.(config, width) ?? width;
  const table = positionsOf(config, weights, family, sizes, prefix);
  const { project, types } = family;
  const map =
    project && (words !== width || project.always)
      ? linear(weights, { name: prefix + project.name, dIn: words, dOut: width, bias: project.bias })
      : undefined;
  const early = map && project!.place === "before positions";
  const inside = early ? width : words;
  const tables: Table[] = table ? [table.rows] : [];
  if (types) {
    const size = config.index(types.key, types.absent);
    if (size > 0) tables.push({ name: prefix + types.name, size, rows: (window) => window.map(() => 0) });
  }
  const rope = of(family.rope, config);
  const longest = rope ? rotary(config, rope, sizes.headSize, sizes.context).longest : sizes.context;
  const context = Math.min(table?.context ?? longest, family.plainUpTo?.(config) ?? longest);
  const embedNorm = of(family.embedNorm, config);
  return {
    vocabulary,
    context,
    bosToken: config.token("bos_token_id", vocabulary),
    embedding: tokenEmbedding(weights, {
      width: inside,
      vocabulary,
      context,
      words: { name: wordTable(config, weights, family, prefix), size: vocabulary, rows: byToken },
      wordWidth: words,
      scale: family.embedScale?.(config, width),
      raise: early ? map : undefined,
      tables,
      norm: embedNorm
        ? norm(weights, prefix + embedNorm, {
            kind: family.norm,
            width: inside,
            epsilon,
            bias: family.norm === "layer" && of(family.normBias ?? true, config),
          })
        : undefined,
      masked: family.masked?.(config),
      project: early ? undefined : map,
    }),
  };
}

/** The table of token embeddings; a checkpoint that ties it to the head may keep it under the head's name only. */
function wordTable(config: ConfigFile, weights: WeightSource, family: Family, prefix: string): string {
  const first = `${prefix}${family.embed}.weight`;
  const second = family.embedElse && `${prefix}${family.embedElse}.weight`;
  const name = second && !weights.has(first) && weights.has(second) ? second : first;
  const tied = family.tied !== undefined && config.flag("tie_word_embeddings", family.tied);
  return tied && !weights.has(name) && weights.has("lm_head.weight") ? "lm_head.weight" : name;
}

/** The table of positions, and how many tokens it has a row for. */
function positionsOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  { context, width }: Sizes,
  prefix: string,
): { rows: Table; context: number } | undefined {
  const rule = of(family.positions, config);
  if (!rule) return undefined;
  const name = rule.name && `${prefix}${rule.name}.weight`;
  const { first, rows } = counting(config, rule);
  // Some tables are longer than the longest sequence by their offset, others are as long.
  const size = rule.offset === undefined ? context : context + rule.offset;
  if (rule.steps && !(name && weights.has(name))) {
    return { rows: { size, rows, row: sinusoid(width, rule.steps(width), rule.padding?.(config)) }, context };
  }
  if (size - first < 1) throw config.wrong(config.name(family.context.keys), `more than ${first}`, context);
  return { rows: { name, size, rows }, context: size - first };
}

/** Sines in the first half of a row, cosines of the same angles in the second; the padding's row is zero. */
function sinusoid(width: number, steps: number, padding?: number) {
  const half = Math.floor(width / 2);
  return (position: number): Float64Array => {
    const row = new Float64Array(width);
    if (position === padding) return row;
    for (let k = 0; k < half; k++) {
      const angle = position * 10000 ** (-k / steps);
      row[k] = Math.sin(angle);
      row[half + k] = Math.cos(angle);
    }
    return row;
  };
}

function counting(config: ConfigFile, rule: PositionTable): { first: number; rows: Table["rows"] } {
  const { padding, offset = 0 } = rule;
  if (!padding) {
    if (offset === 0) return { first: 0, rows: byPosition };
    return { first: offset, rows: (window) => window.map((_, position) => position + offset) };
  }
  const id = padding(config);
  const rows: Table["rows"] = (window) => {
    let position = id;
    return window.map((token) => (token === id ? id : ++position));
  };
  return { first: id + 1, rows };
}
