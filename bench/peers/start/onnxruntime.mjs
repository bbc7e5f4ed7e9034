// From nothing to the first output: onnxruntime-web has no derivatives, so this is less than what the others do.
import * as ort from "onnxruntime-web/wasm";
import { attentionModel } from "../onnx.mjs";
import { d, n, spec, x } from "./problem.mjs";

ort.env.wasm.numThreads = 1;
const weights = Object.fromEntries(["query", "key", "value", "output"].map((name) => [name, spec[name].weight]));
const model = attentionModel({ n, d, heads: 1, causal: false, weights });
const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
const { y } = await session.run({ x: new ort.Tensor("float32", x.data, x.shape) });
console.log(y.data[0]);
