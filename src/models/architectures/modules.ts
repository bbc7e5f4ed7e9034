// PyTorch's modules under their names. Made, each announces its tensors, so that what is missing or misshapen is named
// before any work; called, it reads them.

import { type Tensor, tensor } from "../../base/tensor.js";
import type { NormSpec } from "../../layers/norm.js";
import { transpose } from "../forward/matrix.js";
import type { WeightSource } from "../forward/weights.js";

interface Affine {
  weight: Tensor;
  bias?: Tensor;
}

/** torch.nn.Linear: stored [dOut, dIn], read as [dIn, dOut]. */
export function linear(
  weights: WeightSource,
  name: string,
  dIn: number,
  dOut: number,
  bias = true,
): () => Promise<Affine> {
  const read = affine(weights, name, [dOut, dIn], dOut, bias);
  return async () => {
    const stored = await read();
    return { ...stored, weight: transpose(stored.weight) };
  };
}

/** GPT-2's Conv1D: stored [dIn, dOut], as it is used. */
export function conv1d(
  weights: WeightSource,
  name: string,
  dIn: number,
  dOut: number,
): () => Promise<Required<Affine>> {
  return affine(weights, name, [dIn, dOut], dOut, true) as () => Promise<Required<Affine>>;
}

/** Layer norm; the first TensorFlow checkpoints call its weight gamma and its bias beta. */
export function layerNorm(
  weights: WeightSource,
  name: string,
  width: number,
  epsilon: number,
): () => Promise<NormSpec> {
  const old = !weights.has(`${name}.weight`) && weights.has(`${name}.gamma`);
  const [gain, bias] = old ? [`${name}.gamma`, `${name}.beta`] : [`${name}.weight`, `${name}.bias`];
  weights.require(gain, [width]);
  weights.require(bias, [width]);
  return async () => ({
    kind: "layer",
    gain: await weights.tensor(gain),
    bias: await weights.tensor(bias),
    epsilon,
  });
}

/** RMS norm (Zhang and Sennrich 2019); its gain is `offset` more than what is stored. */
export function rmsNorm(
  weights: WeightSource,
  name: string,
  width: number,
  epsilon: number,
  offset = 0,
): () => Promise<NormSpec> {
  weights.require(`${name}.weight`, [width]);
  return async () => {
    const stored = await weights.tensor(`${name}.weight`);
    const gain =
      offset === 0
        ? stored
        : tensor(
            Float64Array.from(stored.data, (entry) => offset + entry),
            stored.shape,
          );
    return { kind: "rms", gain, epsilon };
  };
}

function affine(
  weights: WeightSource,
  name: string,
  shape: number[],
  dOut: number,
  bias: boolean,
): () => Promise<Affine> {
  weights.require(`${name}.weight`, shape);
  if (bias) weights.require(`${name}.bias`, [dOut]);
  return async () => {
    const weight = await weights.tensor(`${name}.weight`);
    return bias ? { weight, bias: await weights.tensor(`${name}.bias`) } : { weight };
  };
}
