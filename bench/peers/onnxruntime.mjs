// onnxruntime-web on its wasm backend. It runs graphs and has no derivatives: forward only.
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web/wasm";
import { attentionModel } from "./onnx.mjs";
import { serve } from "./serve.mjs";

const manifest = new URL("node_modules/onnxruntime-web/package.json", import.meta.url);
const { version } = JSON.parse(await readFile(manifest, "utf8"));
ort.env.wasm.numThreads = 1;

let session;
let x;

await serve({
  info: { version, on: `Node ${process.versions.node}, wasm` },
  async load(problem) {
    await session?.release();
    session = await ort.InferenceSession.create(attentionModel(problem), { executionProviders: ["wasm"] });
    x = new ort.Tensor("float32", problem.x.data, problem.x.shape);
  },
  forward: async () => (await session.run({ x })).y,
  read: (_, result) => result.data,
});
