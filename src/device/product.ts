// Two branches multiplied element by element as one layer, a gate: a(x) ∘ b(x), whose Jacobian is diag(b) A + diag(a) B.
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceLayer, Linearized, Shared } from "./deviceLayer.js";
import { type DeviceOperator, secondDerivative } from "./operator.js";
import { copying, release, widthOf } from "./parts.js";

/** Takes over the holds of both branches, which agree in both widths. */
export class Product<V extends Vector> implements DeviceLayer<V> {
  readonly dIn: number;
  readonly dOut: number;

  constructor(
    readonly device: Device<V>,
    readonly a: Shared<DeviceLayer<V>>,
    readonly b: Shared<DeviceLayer<V>>,
  ) {
    this.dIn = widthOf([a, b], "dIn");
    this.dOut = widthOf([a, b], "dOut");
  }

  async forward(x: V, lease: Lease<V>): Promise<V> {
    const output = await this.a.value.forward(x, lease);
    const scratch = this.device.lease();
    try {
      this.device.multiply(output, await this.b.value.forward(x, scratch), output);
    } finally {
      scratch.dispose();
    }
    return output;
  }

  async linearize(x: V, lease: Lease<V>): Promise<Linearized<V>> {
    const a = await this.a.value.linearize(x, lease);
    const b = await this.b.value.linearize(x, lease);
    const output = lease.vector(a.output.shape, "the output");
    this.device.multiply(a.output, b.output, output);
    return { operator: new ProductOperator(a, b, lease), output };
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    return copying([this.a, this.b], (device, [a, b]) => new Product(device, a, b));
  }

  dispose(): void {
    release([this.a, this.b]);
  }
}

class ProductOperator<V extends Vector> implements DeviceOperator<V> {
  readonly device: Device<V>;
  readonly inShape: number[];
  readonly outShape: number[];
  readonly roundoff: number;
  readonly #in: V;
  readonly #out: V;

  constructor(
    readonly a: Linearized<V>,
    readonly b: Linearized<V>,
    lease: Lease<V>,
  ) {
    const { device, inShape, outShape } = a.operator;
    this.device = device;
    this.inShape = inShape;
    this.outShape = outShape;
    this.roundoff = a.operator.roundoff + b.operator.roundoff;
    this.#in = lease.vector(inShape, "a tangent");
    this.#out = lease.vector(outShape, "a tangent");
  }

  async jvp(u: V, y: V): Promise<void> {
    const { device, a, b } = this;
    await a.operator.jvp(u, y);
    device.multiply(y, b.output, y);
    await b.operator.jvp(u, this.#out);
    device.multiply(this.#out, a.output, this.#out);
    device.add(1, this.#out, y);
  }

  async vjp(y: V, x: V): Promise<void> {
    const { device, a, b } = this;
    device.multiply(y, b.output, this.#out);
    await a.operator.vjp(this.#out, x);
    device.multiply(y, a.output, this.#out);
    await b.operator.vjp(this.#out, this.#in);
    device.add(1, this.#in, x);
  }

  /** Of ⟨v∘b, A u⟩ + ⟨v∘a, B u⟩, in which a, b, A and B all depend on x. */
  async gradient(u: V, v: V, to: V): Promise<void> {
    const { device } = this;
    const lease = device.lease();
    try {
      const out = lease.vector(this.outShape, "a gradient");
      const back = lease.vector(this.inShape, "a gradient");
      device.clear(to);
      for (const [own, other] of [
        [this.a, this.b],
        [this.b, this.a],
      ]) {
        device.multiply(v, other.output, out);
        await secondDerivative(own.operator, u, out, back);
        device.add(1, back, to);
        await own.operator.jvp(u, out);
        device.multiply(out, v, out);
        await other.operator.vjp(out, back);
        device.add(1, back, to);
      }
    } finally {
      lease.dispose();
    }
  }
}
