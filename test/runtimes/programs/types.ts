// A TypeScript user of every sub-path, with no DOM and no Node types.
import {
  type Attention,
  createRuntime,
  type Linearization,
  lambertW0,
  localLipschitz,
  type SpectralNorm,
  spectralNorm,
  type Tensor,
} from "howsmooth";
import { type Report, sweep } from "howsmooth/analysis";
import { loadModel, type Model, randomModel } from "howsmooth/models";
import { toHTML } from "howsmooth/report";

export async function measure(x: Tensor): Promise<number> {
  const runtime = await createRuntime({ dtype: "f64" });
  const square: Tensor = { data: Float64Array.of(1), shape: [1, 1] };
  const map = { weight: square };
  const layer: Attention = runtime.attention({ heads: 1, query: map, key: map, value: map, mask: "causal" });
  const at: Linearization = await layer.linearize(x);
  const found: SpectralNorm = await spectralNorm(at, { rtol: 1e-6 });
  // @ts-expect-error an option that does not exist
  await localLipschitz(layer, x, { tolerance: 1 });
  // @ts-expect-error heads is a number
  runtime.attention({ heads: "1", query: map, key: map, value: map });
  const bound: number = lambertW0(1);
  return found.sigma + bound;
}

export async function report(model: Model, text: string): Promise<string> {
  const made: Report = await sweep(model, { text, layers: [0], lengths: [4] });
  return toHTML(made);
}

export const models: Model[] = [];
export async function load(): Promise<void> {
  const runtime = await createRuntime();
  models.push(await randomModel("gpt2", { runtime }), await loadModel("openai-community/gpt2", { runtime }));
}
