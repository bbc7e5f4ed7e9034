// The activations of feed-forward layers, by Hugging Face's names.
import type { Activation } from "../../layers/activation.js";

export const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_accurate: "gelu-tanh",
  silu: "silu",
  swish: "silu",
};
