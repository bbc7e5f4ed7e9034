// From nothing to the first sigma: jax-js, by the paper's power iteration.
import { defaultDevice, init, jvp, nn, numpy as np, vjp } from "@jax-js/jax";
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
// bench/peers/paperMethod.ts, which is TypeScript, in small.
let mu = 0;
for (let step = 0, change = Infinity; step < 100 && change > 1e-4; step++) {
  const [, pushed] = jvp(layer, [at.ref], [u.ref]);
  const [, pull] = vjp(layer, [at.ref]);
  const [image] = pull(pushed);
  const next = np.sum(u.mul(image.ref));
  u = image.ref.div(np.sqrt(np.sum(image.mul(image.ref))));
  await u.blockUntilReady();
  const [value] = await next.data();
  change = Math.abs(value - mu);
  mu = value;
}
console.log(Math.sqrt(mu));
