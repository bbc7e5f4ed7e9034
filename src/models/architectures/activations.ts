// The activations of feed-forward layers, by Hugging Face's names.
import type { Activation } from "../../layers/activation.js";

export const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_accurate: "gelu-tanh",
  gelu_10: "gelu-10",
  laplace: "laplace",
  quick_gelu: "quick-gelu",
  silu: "silu",
  swish: "silu",
  relu: "relu",
  relu2: "relu2",
  relu6: "relu6",
  tanh: "tanh",
  mish: "mish",
  sigmoid: "sigmoid",
};
