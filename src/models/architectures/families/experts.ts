// Families whose feed-forward parts are mixtures of experts.

import type { ExpertsRule } from "../experts.js";
import type { Family } from "../family.js";
import { olmo2 } from "./gemma.js";
import { context, granite, mistral, perHead, qwen2, qwen3, whereUsed } from "./llama.js";

const gated = ["gate_proj", "up_proj", "down_proj"] as const;

/** Mixtral (Jiang et al. 2024). */
export const mixtral: Family = {
  ...mistral,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  rope: { theta: 1e6 },
  window: { key: "sliding_window" },
  windowed: () => true,
  experts: {
    router: "block_sparse_moe.gate",
    chosen: 2,
    overChosen: () => true,
    each: { prefix: "block_sparse_moe.experts.{}.", names: ["w1", "w3", "w2"] },
  },
};

const qwenExperts: ExpertsRule = {
  router: "mlp.gate",
  chosen: 4,
  overChosen: (config) => config.flag("norm_topk_prob", false),
  each: { prefix: "mlp.experts.{}.", names: gated },
};

/** Qwen1.5-MoE and Qwen2-MoE: an expert that all tokens share, by a gate of its own. */
export const qwen2Moe: Family = {
  ...qwen2,
  kvHeads: 16,
  bias: undefined,
  windowed: whereUsed((config, layer) => layer % 2 === 0 && layer < config.index("max_window_layers", 28)),
  experts: { ...qwenExperts, shared: { prefix: "mlp.shared_expert.", names: gated, gate: "mlp.shared_expert_gate" } },
  dense: (config, layer) => {
    const only = config.value("mlp_only_layers") ?? [];
    if (!Array.isArray(only)) throw config.wrong("mlp_only_layers", "an array of layer numbers, or null");
    return only.includes(layer) || (layer + 1) % config.count("decoder_sparse_step", 1) !== 0;
  },
};

/** Qwen3-MoE (Qwen Team 2025). */
export const qwen3Moe: Family = {
  ...qwen2Moe,
  kvHeads: 4,
  queryKeyNorms: qwen3.queryKeyNorms ?? perHead,
  windowed: (config) => config.flag("use_sliding_window", false),
  experts: { ...qwenExperts, chosen: 8 },
};

/** OLMoE (Muennighoff et al. 2024). */
export const olmoe: Family = {
  ...qwen2,
  kvHeads: undefined,
  context: context(4096),
  bias: undefined,
  windowed: undefined,
  epsilon: { key: "rms_norm_eps", absent: 1e-5 },
  queryKeyNorms: olmo2.queryKeyNorms,
  experts: { ...qwenExperts, chosen: 8 },
};

/** Granite with experts in stacked tensors. */
export const graniteMoe: Family = {
  ...granite,
  experts: {
    router: "block_sparse_moe.router.layer",
    chosen: 2,
    overChosen: () => true,
    stacked: { both: "block_sparse_moe.input_linear", down: "block_sparse_moe.output_linear" },
  },
};
