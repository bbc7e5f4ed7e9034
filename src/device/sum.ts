// Branches side by side as one layer: f_1(x) + … + f_m(x), whose Jacobian is the sum of theirs.
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceLayer, Linearized, Shared } from "./deviceLayer.js";
import { type DeviceOperator, type Structure, secondDerivative } from "./operator.js";
import { copying, release, sharing, widthOf } from "./parts.js";

/** Takes over the holds of its branches, which agree in both widths. */
export class Sum<V extends Vector> implements DeviceLayer<V> {
  readonly dIn: number;
  readonly dOut: number;

  constructor(
    readonly device: Device<V>,
    readonly parts: readonly Shared<DeviceLayer<V>>[],
  ) {
    this.dIn = widthOf(parts, "dIn");
    this.dOut = widthOf(parts, "dOut");
  }

  async forward(x: V, lease: Lease<V>): Promise<V> {
    const [first, ...others] = this.parts;
    const output = await first.value.forward(x, lease);
    for (const { value } of others) {
      const scratch = this.device.lease();
      try {
        this.device.add(1, await value.forward(x, scratch), output);
      } finally {
        scratch.dispose();
      }
    }
    return output;
  }

  async linearize(x: V, lease: Lease<V>): Promise<Linearized<V>> {
    const [first, ...others] = this.parts;
    const { operator, output } = await first.value.linearize(x, lease);
    const operators = [operator];
    for (const { value } of others) {
      const part = await value.linearize(x, lease);
      operators.push(part.operator);
      this.device.add(1, part.output, output);
    }
    return { operator: operators.length === 1 ? operator : new SumOperator(operators, lease), output };
  }

  get together(): (() => DeviceLayer<V>) | undefined {
    return sharing(this.parts, (parts) => new Sum(this.device, parts));
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    return copying(this.parts, (device, parts) => new Sum(device, parts));
  }

  dispose(): void {
    release(this.parts);
  }
}

class SumOperator<V extends Vector> implements DeviceOperator<V> {
  readonly device: Device<V>;
  readonly inShape: number[];
  readonly outShape: number[];
  readonly roundoff: number;
  readonly structure: Structure<V>;
  readonly #in: V;
  readonly #out: V;

  constructor(
    readonly parts: readonly DeviceOperator<V>[],
    lease: Lease<V>,
  ) {
    const { device, inShape, outShape } = parts[0];
    this.device = device;
    this.inShape = inShape;
    this.outShape = outShape;
    this.roundoff = parts.reduce((sum, part) => sum + part.roundoff, 0);
    this.structure = { pattern: parts.map(({ structure }) => structure?.pattern).find((pattern) => pattern) };
    this.#in = lease.vector(inShape, "a tangent");
    this.#out = lease.vector(outShape, "a tangent");
  }

  jvp(u: V, y: V): void | Promise<void> {
    return this.#added(0, (part, to) => part.jvp(u, to), y, this.#out);
  }

  vjp(y: V, x: V): void | Promise<void> {
    return this.#added(0, (part, to) => part.vjp(y, to), x, this.#in);
  }

  gradient(u: V, v: V, to: V): void | Promise<void> {
    return this.#added(0, (part, own) => secondDerivative(part, u, v, own), to, this.#in);
  }

  /** to ← the sum over the parts from `first` on, and what is there already of those before. */
  #added(
    first: number,
    apply: (part: DeviceOperator<V>, to: V) => void | Promise<void>,
    to: V,
    work: V,
  ): void | Promise<void> {
    for (let i = first; i < this.parts.length; i++) {
      const pending = apply(this.parts[i], i === 0 ? to : work);
      const add = () => {
        if (i > 0) this.device.add(1, work, to);
      };
      if (!pending) add();
      else return pending.then(add).then(() => this.#added(i + 1, apply, to, work));
    }
  }
}
