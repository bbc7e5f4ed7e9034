// What is shared between measurements of one layer, as ratios by processor time, the two sides in alternation:
// all heads apart over the layer as a whole, and inputs one by one over the same as a batch.
import { localLipschitz, localLipschitzBatch } from "howsmooth";
import { gaussianLayer, processorTime, time } from "./layer.mjs";

const layerOf = { d: 768, heads: 12, std: 0.02, mask: "causal" };
const windows = (count, n) => Array.from({ length: count }, (_, i) => gaussianLayer({ ...layerOf, seed: 2 + i, n }).x);

async function rounds(count, one, other) {
  const ratios = [];
  for (let round = 0; round <= count; round++) {
    const ratio = (await time(one, processorTime)) / (await time(other, processorTime));
    // The first round warms up.
    if (round > 0) ratios.push(ratio);
  }
  return ratios.sort((a, b) => a - b)[count >> 1];
}

async function heads(runtime, spec, count, n) {
  const xs = windows(count, n);
  const layer = runtime.attention(spec);
  const measure = async (part) => {
    for (const x of xs) await localLipschitz(part, x);
  };
  const apart = async () => {
    for (let h = 0; h < layer.heads; h++) {
      const head = layer.head(h);
      await measure(head);
      head.dispose();
    }
  };
  const ratio = await rounds(3, apart, () => measure(layer));
  layer.dispose();
  return ratio;
}

async function batch(runtime, spec, count, n) {
  const xs = windows(count, n);
  const layer = runtime.attention(spec);
  const oneByOne = async () => {
    for (const x of xs) await localLipschitz(layer, x);
  };
  const ratio = await rounds(3, oneByOne, () => localLipschitzBatch(layer, xs));
  layer.dispose();
  return ratio;
}

export async function sharing(runtime) {
  const { spec } = gaussianLayer({ ...layerOf, seed: 1 });
  const line = (label, ratio) => console.log(`${label.padEnd(60)} ${ratio.toFixed(2)}`);
  console.log("\nprocessor time, medians of ratios");
  for (const [count, n] of [
    [1, 64],
    [3, 64],
    [1, 256],
  ]) {
    line(
      `all 12 heads over the layer, n = ${n}, ${count} ${count > 1 ? "inputs" : "input"}`,
      await heads(runtime, spec, count, n),
    );
  }
  for (const n of [8, 32]) line(`one by one over a batch of 8, n = ${n}`, await batch(runtime, spec, 8, n));
}
