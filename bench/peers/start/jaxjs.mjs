// From nothing to the first sigma: jax-js, by the paper's power iteration.
import { defaultDevice, init, jvp, nn, numpy as np, vjp } from "@jax-js/jax";
import { paperMethod } from "../paperMethod.mjs";
import { d, spec, x } from "./problem.mjs";

await init();
defaultDevice("wasm");

const array = ({ data, shape }) => np.array(data).reshape(shape);
const [wq, wk, wv, wo] = [spec.query, spec.key, spec.value, spec.output].map(({ weight }) => array(weight));

function layer(tokens) {
  const q = np.matmul(tokens.ref, wq.ref);
  const k = np.matmul(tokens.ref, wk.ref);
  const v = np.matmul(tokens, wv.ref);
  const p = nn.softmax(np.matmul(q, np.transpose(k)).mul(1 / Math.sqrt(d)), -1);
  return np.matmul(np.matmul(p, v), wo.ref);
}

const at = array(x);
let u = array({ data: x.data.map((_, i) => Math.sin(i + 1)), shape: x.shape });
u = u.ref.div(np.sqrt(np.sum(u.mul(u.ref))));
const { sigma } = await paperMethod(async () => {
  const [, pushed] = jvp(layer, [at.ref], [u.ref]);
  const [, pull] = vjp(layer, [at.ref]);
  const [image] = pull(pushed);
  const mu = np.sum(u.mul(image.ref));
  u = image.ref.div(np.sqrt(np.sum(image.mul(image.ref))));
  await u.blockUntilReady();
  return (await mu.data())[0];
});
console.log(sigma);
