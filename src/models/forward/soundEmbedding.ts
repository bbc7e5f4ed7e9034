// The input of Whisper's encoder (Radford et al. 2022): a log-mel spectrogram through two convolutions over time.
import { checkKeys, checkTensor, wrongKind } from "../../base/check.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import type { Linear } from "../../layers/linear.js";
import type { Runtime } from "../../measure/createRuntime.js";
import type { FeatureInput } from "../model.js";
import type { Embedding } from "./embedding.js";
import type { WeightSource } from "./weights.js";

export interface SoundEmbeddingSpec {
  readonly width: number;
  readonly bins: number;
  /** Tokens; the input has twice as many frames. */
  readonly context: number;
  /** Of the names, with its dot. */
  readonly prefix: string;
}

/** gelu(conv1), gelu(conv2 of stride 2), and a learned position for each token; both kernels are three frames wide. */
export function soundEmbedding(weights: WeightSource, { width, bins, context, prefix }: SoundEmbeddingSpec): Embedding {
  const positions = `${prefix}embed_positions.weight`;
  weights.require(positions, [context, width]);
  for (const [name, channels] of [
    ["conv1", bins],
    ["conv2", width],
  ] as const) {
    weights.require(`${prefix}${name}.weight`, [width, channels, 3]);
    weights.require(`${prefix}${name}.bias`, [width]);
  }
  const frames = 2 * context;
  return {
    reads: "features",

    check(label, input) {
      if (input === null || typeof input !== "object" || !("features" in input)) {
        throw wrongKind(label, `a log-mel spectrogram { features: [${bins}, ${frames}] }`, input);
      }
      checkKeys(label, input, ["features"]);
      checkTensor(`${label}.features`, input.features, [bins, frames]);
      return context;
    },

    async embed(inputs, runtime) {
      const kernels = [await kernelOf(`${prefix}conv1`), await kernelOf(`${prefix}conv2`)];
      const places = (await weights.tensor(positions)).data;
      const hidden = new Float64Array(inputs.length * context * width);
      for (const [at, input] of inputs.entries()) {
        const spectrogram = turned((input as FeatureInput).features.data, bins, frames);
        const first = await convolved(runtime, spectrogram, kernels[0], 1);
        const second = await convolved(runtime, first, kernels[1], 2);
        for (let i = 0; i < second.data.length; i++) hidden[at * context * width + i] = second.data[i] + places[i];
      }
      return hidden;
    },
  };

  /** As a map of three frames, [3·channels, width]. */
  async function kernelOf(name: string): Promise<Linear> {
    const { data, shape } = await weights.tensor(`${name}.weight`);
    const [outputs, channels, taps] = shape;
    const weight = new Float64Array(data.length);
    for (let o = 0; o < outputs; o++) {
      for (let c = 0; c < channels; c++) {
        for (let t = 0; t < taps; t++) weight[(t * channels + c) * outputs + o] = data[(o * channels + c) * taps + t];
      }
    }
    return { weight: tensor(weight, [taps * channels, outputs]), bias: await weights.tensor(`${name}.bias`) };
  }
}

/** gelu of a convolution over time with one frame of zeros on each side: [frames, channels] → [frames / stride, width]. */
async function convolved(runtime: Runtime, { data, shape }: Tensor, kernel: Linear, stride: number): Promise<Tensor> {
  const [frames, channels] = shape;
  const steps = Math.ceil(frames / stride);
  const windows = new Float64Array(steps * 3 * channels);
  for (let step = 0; step < steps; step++) {
    for (let t = 0; t < 3; t++) {
      const frame = step * stride + t - 1;
      if (frame < 0 || frame >= frames) continue;
      windows.set(data.subarray(frame * channels, (frame + 1) * channels), (3 * step + t) * channels);
    }
  }
  const map = runtime.linear(kernel);
  try {
    return await runtime.activate("gelu", await map.forward(tensor(windows, [steps, 3 * channels])));
  } finally {
    map.dispose();
  }
}

/** [rows, columns] → [columns, rows]. */
function turned(data: ArrayLike<number>, rows: number, columns: number): Tensor {
  const image = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) image[j * rows + i] = data[i * columns + j];
  return tensor(image, [columns, rows]);
}
