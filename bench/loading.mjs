// Until a model's layers are ready: random GPT-2 small, and a large checkpoint of which one layer is read.
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { createRuntime } from "../dist/index.js";
import { loadModel, randomModel } from "../dist/models.js";

/** @param folder where the checkpoint goes */
export async function loadingTimes(folder) {
  const runtime = await createRuntime({ device: "wasm" });
  const randomSeconds = await seconds(async () => {
    const model = await randomModel("gpt2", { runtime, seed: 0 });
    const layers = [0, 1, 2, 3, 4, 5, 6];
    const inputs = await model.trace([1, 2, 3, 4], { layers });
    for (const layer of layers) await model.attention(layer).forward(inputs.get(layer));
  });
  const { path, bytes, width } = await sparseCheckpoint(`${folder}/checkpoint`);
  const before = await bytesRead();
  const openSeconds = await seconds(async () => {
    const model = await loadModel(path, { runtime });
    const x = { data: new Float32Array(width).fill(1), shape: [1, width] };
    await model.attention(6).forward(x);
  });
  const openedBytes = (await bytesRead()) - before;
  runtime.dispose();
  return { randomSeconds, openSeconds, openedBytes, fileBytes: bytes };
}

/** GPT-2 small's tensors under their names, all zero, in a file with a hole: its length counts, its disk does not. */
async function sparseCheckpoint(folder) {
  const width = 768;
  const shapes = { "wte.weight": [50257, width], "wpe.weight": [1024, width] };
  for (const name of ["ln_f.weight", "ln_f.bias"]) shapes[name] = [width];
  for (let layer = 0; layer < 12; layer++) {
    for (const [name, inputs, outputs] of [
      ["attn.c_attn", width, 3 * width],
      ["attn.c_proj", width, width],
      ["mlp.c_fc", width, 4 * width],
      ["mlp.c_proj", 4 * width, width],
    ]) {
      shapes[`h.${layer}.${name}.weight`] = [inputs, outputs];
      shapes[`h.${layer}.${name}.bias`] = [outputs];
    }
    for (const name of ["ln_1", "ln_2"]) {
      for (const part of ["weight", "bias"]) shapes[`h.${layer}.${name}.${part}`] = [width];
    }
  }
  let end = 0;
  const header = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const start = end;
    end += 4 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/config.json`, JSON.stringify(config(width)));
  const file = await open(`${folder}/model.safetensors`, "w");
  await file.write(Buffer.concat([length, text]));
  await file.truncate(8 + text.length + end);
  await file.close();
  return { path: folder, bytes: 8 + text.length + end, width };
}

const config = (width) => ({
  model_type: "gpt2",
  n_layer: 12,
  n_embd: width,
  n_head: 12,
  vocab_size: 50257,
  n_positions: 1024,
});

/** What this process has asked of the file system, cached or not (Linux). */
async function bytesRead() {
  const text = await readFile("/proc/self/io", "utf8");
  return Number(/rchar: (\d+)/.exec(text)[1]);
}

async function seconds(action) {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}
