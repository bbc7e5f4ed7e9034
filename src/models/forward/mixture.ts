// A mixture of experts on a device: Σ_e w_e(x) ∘ f_e(x), with each token's experts as its router chooses them at x. The
// choice is held fixed (it is locally constant); the weights of the chosen are differentiated.
import { DeviceError } from "../../base/errors.js";
import { tensor } from "../../base/tensor.js";
import type { Device, Lease, Vector } from "../../device/device.js";
import { type DeviceLayer, type Linearized, Shared } from "../../device/deviceLayer.js";
import { type LinearizableLayer, RuntimeLayer } from "../../device/linearization.js";
import type { DeviceOperator } from "../../device/operator.js";
import { Product } from "../../device/product.js";
import type { Runtime } from "../../measure/createRuntime.js";
import { LazyLayer } from "./lazyLayer.js";
import type { Experts, MixtureSpec } from "./mixtureSpec.js";

/** The mixture as a layer of the runtime. @throws DeviceError where the runtime's layers can't be composed */
export function makeMixture(runtime: Runtime, spec: MixtureSpec): LinearizableLayer {
  const { device } = runtime;
  if (!device) throw new DeviceError("a mixture of experts runs on WebAssembly and WebGPU");
  const { width } = spec;
  const router = runtime.linear(spec.router);
  const experts = Array.from(
    { length: spec.experts },
    (_, e) =>
      new LazyLayer({
        what: "expert",
        dIn: width,
        dOut: width,
        device,
        make: async () => runtime.feedForward(await spec.expert(e)),
      }),
  );
  // From the weights of all experts to that of one, for every channel.
  const spread = Array.from({ length: spec.experts }, (_, e) => {
    const weight = new Float32Array(spec.experts * width).fill(1, e * width, (e + 1) * width);
    return runtime.linear({ weight: tensor(weight, [spec.experts, width]) });
  });
  const ones = runtime.linear({
    weight: tensor(new Float32Array(spec.experts ** 2).fill(1), [spec.experts, spec.experts]),
  });
  const owned = [router, ones, ...experts, ...spread];
  return new RuntimeLayer(
    new Shared(new Mixture(device, spec, { router, ones, experts, spread }, owned)),
    "mixture of experts",
  );
}

/** The mixture, and the expert that all tokens share: sigmoid(gate x) ∘ f(x). */
export function makeExperts(runtime: Runtime, { mixture, shared }: Experts): LinearizableLayer {
  const mixed = makeMixture(runtime, mixture);
  const { device } = runtime;
  if (!shared || !device) return mixed;
  const ones = tensor(new Float32Array(mixture.width).fill(1), [1, mixture.width]);
  const gate = [runtime.linear(shared.gate), runtime.activation("sigmoid"), runtime.linear({ weight: ones })];
  const weight = runtime.chain(gate);
  const expert = runtime.feedForward(shared.expert);
  const product = new Product(device, expert.onDevice!.hold(), weight.onDevice!.hold());
  const whole = new RuntimeLayer(new Shared<DeviceLayer>(product), "shared expert");
  const sum = runtime.sum([mixed, whole]);
  for (const part of [...gate, weight, expert, whole, mixed]) part.dispose();
  return sum;
}

interface MixtureLayers {
  readonly router: LinearizableLayer;
  readonly ones: LinearizableLayer;
  readonly experts: readonly LinearizableLayer[];
  readonly spread: readonly LinearizableLayer[];
}

/** What an expert is at x: its output, Jacobian and weights. */
interface Part {
  readonly expert: Linearized;
  readonly weights: Vector;
  readonly spread: DeviceOperator;
}

class Mixture implements DeviceLayer {
  readonly dIn: number;
  readonly dOut: number;

  constructor(
    readonly device: Device,
    readonly spec: MixtureSpec,
    readonly layers: MixtureLayers,
    readonly owned: readonly { dispose(): void }[],
  ) {
    this.dIn = spec.width;
    this.dOut = spec.width;
  }

  async forward(x: Vector, lease: Lease): Promise<Vector> {
    const { device, spec, layers } = this;
    const scratch = device.lease();
    try {
      const logits = await on(layers.router).forward(x, scratch);
      const { weights, used } = choose(await device.read(logits), x.shape[0], spec);
      const output = lease.vector(x.shape, "the output");
      const one = scratch.vector(x.shape, "a weight");
      for (const e of used) {
        const image = await on(layers.experts[e]).forward(x, scratch);
        device.write(one, column(weights, e, spec));
        device.multiply(image, one, image);
        device.add(1, image, output);
      }
      return output;
    } finally {
      scratch.dispose();
    }
  }

  async linearize(x: Vector, lease: Lease): Promise<Linearized> {
    const { device, spec, layers } = this;
    const n = x.shape[0];
    const router = await on(layers.router).linearize(x, lease);
    const { weights, softmax, mask, used } = choose(await device.read(router.output), n, spec);
    const held = (data: Float64Array, what: string) => {
      const vector = lease.vector([n, spec.experts], what);
      device.write(vector, data);
      return vector;
    };
    const [p, m] = [held(softmax, "weights of experts"), held(mask, "the choice of experts")];
    const ones = (await on(layers.ones).linearize(p, lease)).operator;
    const output = lease.vector(x.shape, "the output");
    const product = lease.vector(x.shape, "a branch");
    const parts: Part[] = [];
    for (const e of used) {
      const expert = await on(layers.experts[e]).linearize(x, lease);
      const own = lease.vector(x.shape, "a weight");
      device.write(own, column(weights, e, spec));
      device.multiply(expert.output, own, product);
      device.add(1, product, output);
      parts.push({ expert, weights: own, spread: (await on(layers.spread[e]).linearize(p, lease)).operator });
    }
    return { operator: mixed(device, x.shape, router.operator, { p, m, ones }, parts, lease), output };
  }

  dispose(): void {
    for (const layer of this.owned) layer.dispose();
  }
}

/** What a layer is on the device. */
function on(layer: LinearizableLayer): DeviceLayer {
  return layer.onDevice!.value;
}

/** J u = Σ W_e ∘ J_e u + y_e ∘ (dw)_e, with dw = m ∘ (p ∘ t − p ∘ Σ(p ∘ t)) and t the router's tangent. */
function mixed(
  device: Device,
  shape: readonly number[],
  router: DeviceOperator,
  { p, m, ones }: { p: Vector; m: Vector; ones: DeviceOperator },
  parts: readonly Part[],
  lease: Lease,
): DeviceOperator {
  const [a, b] = [lease.vector(shape, "a tangent"), lease.vector(shape, "a tangent")];
  const [s, t, r] = [0, 1, 2].map(() => lease.vector(p.shape, "a tangent of weights"));
  /** to ← p ∘ t − p ∘ Σ(p ∘ t), its own adjoint. */
  const soften = async (from: Vector, to: Vector) => {
    device.multiply(p, from, to);
    await ones.jvp(to, r);
    device.multiply(p, r, r);
    device.add(-1, r, to);
  };
  return {
    device,
    inShape: [...shape],
    outShape: [...shape],
    roundoff: parts.reduce((sum, { expert }) => sum + expert.operator.roundoff, router.roundoff),
    async jvp(u, y) {
      await router.jvp(u, s);
      await soften(s, t);
      device.multiply(m, t, t);
      device.clear(y);
      for (const { expert, weights, spread } of parts) {
        await expert.operator.jvp(u, a);
        device.multiply(a, weights, a);
        device.add(1, a, y);
        await spread.jvp(t, a);
        device.multiply(a, expert.output, a);
        device.add(1, a, y);
      }
    },
    async vjp(y, x) {
      device.clear(x);
      device.clear(s);
      for (const { expert, weights, spread } of parts) {
        device.multiply(y, weights, a);
        await expert.operator.vjp(a, b);
        device.add(1, b, x);
        device.multiply(y, expert.output, a);
        await spread.vjp(a, t);
        device.add(1, t, s);
      }
      device.multiply(m, s, s);
      await soften(s, t);
      await router.vjp(t, b);
      device.add(1, b, x);
    },
  };
}

interface Choice {
  /** [n, experts]: 0 where an expert isn't chosen. */
  readonly weights: Float64Array;
  /** Over the chosen, or over all. */
  readonly softmax: Float64Array;
  /** 1 where chosen. */
  readonly mask: Float64Array;
  readonly used: readonly number[];
}

/** The largest logits of each token; of equal ones the first. */
function choose(logits: ArrayLike<number>, n: number, { experts, chosen, overChosen }: MixtureSpec): Choice {
  const size = n * experts;
  const [weights, softmax, mask] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  const used = new Set<number>();
  for (let row = 0; row < n; row++) {
    const own = Array.from({ length: experts }, (_, e) => logits[row * experts + e]);
    const order = own.map((_, e) => e).sort((a, b) => own[b] - own[a] || a - b);
    const largest = own[order[0]];
    const over = overChosen ? order.slice(0, chosen) : order;
    const sum = over.reduce((total, e) => total + Math.exp(own[e] - largest), 0);
    for (const e of over) softmax[row * experts + e] = Math.exp(own[e] - largest) / sum;
    for (const e of order.slice(0, chosen)) {
      mask[row * experts + e] = 1;
      weights[row * experts + e] = softmax[row * experts + e];
      used.add(e);
    }
  }
  return { weights, softmax, mask, used: [...used].sort((a, b) => a - b) };
}

/** The weights of one expert, for every channel. */
function column(weights: Float64Array, expert: number, { experts, width }: MixtureSpec): Float64Array {
  const n = weights.length / experts;
  return Float64Array.from({ length: n * width }, (_, at) => weights[Math.floor(at / width) * experts + expert]);
}
