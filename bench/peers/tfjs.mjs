// TensorFlow.js on its wasm backend. It has no forward mode: J u is the gradient of w ↦ Jᵀ w, pulled back along u.
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import { names } from "./problem.mjs";
import { serve } from "./serve.mjs";

setWasmPaths(new URL("node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url).pathname);
setThreadsCount(1);
await tf.setBackend("wasm");
await tf.ready();

let held;

function attention({ n, d, heads, causal }, w, mask) {
  const width = d / heads;
  const split = (y) => tf.transpose(tf.reshape(y, [n, heads, width]), [1, 0, 2]);
  return (x) => {
    const [q, k, v] = w.slice(0, 3).map((weight) => split(tf.matMul(x, weight)));
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width));
    const p = tf.softmax(causal ? tf.add(scores, mask) : scores);
    return tf.matMul(tf.reshape(tf.transpose(tf.matMul(p, v), [1, 0, 2]), [n, d]), w[3]);
  };
}

const tensor = ({ data, shape }) => tf.tensor(data, shape);

await serve({
  info: { version: version_wasm, on: `Node ${process.versions.node}, wasm` },

  async load(problem) {
    tf.disposeVariables();
    if (held) tf.dispose([held.x, held.u, held.w, held.mask]);
    const { n } = problem;
    const w = names.map((name) => tensor(problem.weights[name]));
    // Additive, and finite: tf's softmax gradient would make NaN of 0 · −∞.
    const mask = tf.tensor(
      Float32Array.from({ length: n * n }, (_, at) => (at % n <= Math.floor(at / n) ? 0 : -1e9)),
      [n, n],
    );
    held = { x: tensor(problem.x), u: tensor(problem.u), w, mask, f: attention(problem, w, mask) };
  },

  forward: () => tf.tidy(() => held.f(held.x)),
  automatic: () =>
    tf.tidy(() => {
      const pull = (w) => tf.grad(held.f)(held.x, w);
      return pull(tf.grad(pull)(tf.zerosLike(held.x), held.u));
    }),
  read: (_, result) => result.data(),
  release: (result) => result.dispose(),
});
