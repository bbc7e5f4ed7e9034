// Model files made by tests: safetensors images, and checkpoints small enough to write by hand.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { Random } from "../../src/base/random.js";

export interface StoredTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

export type Checkpoint = Record<string, StoredTensor>;

/** A header as it stands in a file, open to damage. */
export type Header = Record<string, Record<string, unknown>>;

export function f32(shape: number[], values: ArrayLike<number>): StoredTensor {
  return { dtype: "F32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** The bytes of a safetensors file; `header` may be edited before it is written. */
export function safetensors(tensors: Checkpoint, edit?: (header: Header) => void): Uint8Array {
  const header: Header = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  edit?.(header);
  return image(JSON.stringify(header), ...Object.values(tensors).map(({ bytes }) => bytes));
}

/** A header as text or bytes, its length in front, and data behind. */
export function image(header: string | Uint8Array, ...data: Uint8Array[]): Uint8Array {
  const bytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  return Uint8Array.from(Buffer.concat([length, bytes, ...data]));
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A temporary folder with these files, gone after the test file. */
export function folderOf(files: Record<string, string | Uint8Array | object>): string {
  const folder = mkdtempSync(join(tmpdir(), "howsmooth-model-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    const plain = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(join(folder, name), plain ? content : JSON.stringify(content));
  }
  return folder;
}

export const gpt2Config = {
  model_type: "gpt2",
  n_layer: 2,
  n_head: 2,
  n_embd: 4,
  n_positions: 6,
  vocab_size: 5,
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
};

/** A GPT-2 of width 4 with random weights, its names under `prefix`. */
export function gpt2Checkpoint(prefix = "transformer."): Checkpoint {
  const shapes: Record<string, number[]> = { "wte.weight": [5, 4], "wpe.weight": [6, 4] };
  for (let layer = 0; layer < 2; layer++) {
    const blockShapes = {
      "ln_1.weight": [4],
      "ln_1.bias": [4],
      "attn.c_attn.weight": [4, 12],
      "attn.c_attn.bias": [12],
      "attn.c_proj.weight": [4, 4],
      "attn.c_proj.bias": [4],
      "ln_2.weight": [4],
      "ln_2.bias": [4],
      "mlp.c_fc.weight": [4, 16],
      "mlp.c_fc.bias": [16],
      "mlp.c_proj.weight": [16, 4],
      "mlp.c_proj.bias": [4],
    };
    for (const [name, shape] of Object.entries(blockShapes)) shapes[`h.${layer}.${name}`] = shape;
  }
  return randomCheckpoint(shapes, prefix);
}

export const llamaConfig = {
  model_type: "llama",
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  hidden_size: 4,
  head_dim: 6,
  intermediate_size: 8,
  vocab_size: 5,
  max_position_embeddings: 16,
  rms_norm_eps: 1e-6,
  rope_theta: 100,
  hidden_act: "silu",
  attention_bias: true,
  mlp_bias: true,
};

/** A Llama of width 4 with head size 6 and biases, its names under `prefix`. */
export function llamaCheckpoint(prefix = "model."): Checkpoint {
  const shapes: Record<string, number[]> = {
    "embed_tokens.weight": [5, 4],
    "layers.0.input_layernorm.weight": [4],
    "layers.0.post_attention_layernorm.weight": [4],
  };
  const linear = { "self_attn.q_proj": [12, 4], "self_attn.k_proj": [6, 4], "self_attn.v_proj": [6, 4] };
  const rest = { "self_attn.o_proj": [4, 12], "mlp.gate_proj": [8, 4], "mlp.up_proj": [8, 4], "mlp.down_proj": [4, 8] };
  for (const [name, shape] of Object.entries({ ...linear, ...rest })) {
    shapes[`layers.0.${name}.weight`] = shape;
    shapes[`layers.0.${name}.bias`] = [shape[0]];
  }
  return randomCheckpoint(shapes, prefix);
}

function randomCheckpoint(shapes: Record<string, number[]>, prefix: string): Checkpoint {
  const random = new Random(1);
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      return [prefix + name, f32(shape, random.fillGaussian(new Float32Array(size), 0.5))];
    }),
  );
}
