// jax-js on its wasm device. It counts references: what a function takes it owns, `.ref` keeps a share.
import { readFile } from "node:fs/promises";
import { defaultDevice, init, jit, jvp, linearize, nn, numpy as np, vjp } from "@jax-js/jax";
import { paperMethod } from "./paperMethod.ts";
import { names } from "./problem.mjs";
import { serve } from "./serve.mjs";

const manifest = new URL("node_modules/@jax-js/jax/package.json", import.meta.url);
const { version } = JSON.parse(await readFile(manifest, "utf8"));
await init();
defaultDevice("wasm");

let held;

const array = ({ data, shape }) => np.array(data).reshape(shape);
const drop = (...arrays) => {
  for (const a of arrays) a.dispose();
};

/**
 * The layer, x then [query, key, value, output] and the mask if causal. `copies` writes out what splits and merges
 * heads before it is multiplied: jax-js's products are several times slower on a transpose that they fuse.
 */
function attention({ n, d, heads, causal }, copies) {
  const width = d / heads;
  const solid = (a) => (copies ? a.mul(1) : a);
  const split = (y) => solid(np.transpose(solid(y.reshape([n, heads, width])), [1, 0, 2]));
  const merge = (y) => solid(np.transpose(y, [1, 0, 2]).reshape([n, d]));
  return (x, wq, wk, wv, wo, mask) => {
    const q = split(np.matmul(x.ref, wq));
    const k = split(np.matmul(x.ref, wk));
    const v = split(np.matmul(x, wv));
    const scores = np.matmul(q, np.swapaxes(k, 1, 2)).mul(1 / Math.sqrt(width));
    const p = nn.softmax(causal ? np.where(mask, scores, -Infinity) : scores, -1);
    return np.matmul(merge(np.matmul(p, v)), wo);
  };
}

/** Jᵀ J u, the paper's way: jvp, then vjp, each with its forward pass. */
const normal = (layer) => (x, u, w) => {
  const f = (at) => layer(at, ...share(w));
  const [output, pushed] = jvp(f, [x.ref], [u]);
  const [again, pull] = vjp(f, [x]);
  drop(output, again);
  const [pulled] = pull(pushed);
  pull.dispose();
  return pulled;
};

const share = (arrays) => arrays.map((a) => a.ref);
const ready = async (a) => {
  await a.blockUntilReady();
  return a;
};

await serve({
  info: { version, on: `Node ${process.versions.node}, wasm` },

  async load(problem) {
    if (held) {
      drop(held.x, held.u, ...held.w);
      held.push.dispose();
      held.pull.dispose();
      held.jitted.dispose();
    }
    const mask = problem.causal ? [np.tri(problem.n, problem.n).astype(np.bool)] : [];
    const w = [...names.map((name) => array(problem.weights[name])), ...mask];
    const x = array(problem.x);
    const layer = attention(problem, true);
    const plain = attention(problem, false);
    const f = (at) => layer(at, ...share(w));
    const [output, push] = linearize(f, [x.ref]);
    const [again, pull] = vjp(f, [x.ref]);
    drop(output, again);
    const jitted = jit((at, u, ...weights) => {
      const image = normal(plain)(at, u, weights);
      drop(...weights);
      return image;
    });
    held = { x, u: array(problem.u), w, push, pull, plain, automatic: normal(layer), jitted };
  },

  forward: () => ready(held.plain(held.x.ref, ...share(held.w))),
  automatic: () => ready(held.automatic(held.x.ref, held.u.ref, held.w)),
  jitted: () => ready(held.jitted(held.x.ref, held.u.ref, ...share(held.w))),
  linearized: () => ready(held.pull(held.push(held.u.ref))[0]),
  read: (_, result) => result.ref.data(),
  release: (result) => result.dispose(),

  async sigma({ budget }) {
    let u = held.u.ref;
    const step = async () => {
      const image = held.automatic(held.x.ref, u.ref, held.w);
      const mu = np.sum(u.mul(image.ref));
      const norm = np.sqrt(np.sum(image.ref.mul(image.ref)));
      u = await ready(image.div(norm));
      return (await mu.data())[0];
    };
    const result = await paperMethod(step, { budget });
    u.dispose();
    return result;
  },
});
