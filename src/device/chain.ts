// Layers one after the other as one layer: J = J_m … J_1, and no vector leaves the device between them.
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceLayer, Linearized, Shared } from "./deviceLayer.js";
import { type DeviceOperator, type Pattern, type Structure, secondDerivative } from "./operator.js";
import { copying, release, sharing, widthOf } from "./parts.js";

/** Takes over the holds of its parts, the first of which is applied first; neighbours' widths agree. */
export class Chain<V extends Vector> implements DeviceLayer<V> {
  readonly device: Device<V>;
  readonly dIn: number;
  readonly dOut: number;

  constructor(
    device: Device<V>,
    readonly parts: readonly Shared<DeviceLayer<V>>[],
  ) {
    this.device = device;
    this.dIn = widthOf(parts, "dIn");
    this.dOut = widthOf([...parts].reverse(), "dOut");
  }

  async forward(x: V, lease: Lease<V>): Promise<V> {
    let input = x;
    let held: Lease<V> | undefined;
    try {
      for (const [i, { value }] of this.parts.entries()) {
        if (i === this.parts.length - 1) return await value.forward(input, lease);
        const next = this.device.lease();
        try {
          input = await value.forward(input, next);
        } finally {
          held?.dispose();
          held = next;
        }
      }
      return input;
    } finally {
      held?.dispose();
    }
  }

  async linearize(x: V, lease: Lease<V>): Promise<Linearized<V>> {
    const operators: DeviceOperator<V>[] = [];
    let output = x;
    for (const { value } of this.parts) {
      const part = await value.linearize(output, lease);
      operators.push(part.operator);
      output = part.output;
    }
    return { operator: chained(operators, lease), output };
  }

  get together(): (() => DeviceLayer<V>) | undefined {
    return sharing(this.parts, (parts) => new Chain(this.device, parts));
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    return copying(this.parts, (device, parts) => new Chain(device, parts));
  }

  dispose(): void {
    release(this.parts);
  }
}

/** J_m … J_1, the vectors between its parts in the lease. */
export function chained<V extends Vector>(parts: readonly DeviceOperator<V>[], lease: Lease<V>): DeviceOperator<V> {
  return parts.length === 1 ? parts[0] : new ChainOperator(parts, lease);
}

class ChainOperator<V extends Vector> implements DeviceOperator<V> {
  readonly device: Device<V>;
  readonly inShape: number[];
  readonly outShape: number[];
  readonly roundoff: number;
  readonly structure: Structure<V>;
  /** Vector i is between part i and part i + 1. */
  readonly #between: V[];

  constructor(
    readonly parts: readonly DeviceOperator<V>[],
    lease: Lease<V>,
  ) {
    const last = parts[parts.length - 1];
    this.device = last.device;
    this.inShape = parts[0].inShape;
    this.outShape = last.outShape;
    this.roundoff = parts.reduce((sum, part) => sum + part.roundoff, 0);
    this.structure = { pattern: this.#pattern() };
    this.#between = parts.slice(0, -1).map(({ outShape }) => lease.vector(outShape, "a tangent"));
  }

  jvp(u: V, y: V): void | Promise<void> {
    return this.#forwards(0, u, y);
  }

  vjp(y: V, x: V): void | Promise<void> {
    return this.#backwards(this.parts.length - 1, y, x);
  }

  /**
   * Part by part from the last, with v_i what comes back to part i and u_i what reaches it: the gradient of part i at
   * (u_i, v_i), and that of all later parts brought back through it.
   */
  async gradient(u: V, v: V, to: V): Promise<void> {
    const { device, parts } = this;
    const lease = device.lease();
    try {
      const what = "a gradient";
      const tangents = [u];
      for (const [i, part] of parts.slice(0, -1).entries()) {
        tangents.push(lease.vector(part.outShape, what));
        await part.jvp(tangents[i], tangents[i + 1]);
      }
      let cotangent = v;
      let later: V | undefined;
      for (let i = parts.length - 1; i >= 0; i--) {
        const part = parts[i];
        const sum = i === 0 ? to : lease.vector(part.inShape, what);
        await secondDerivative(part, tangents[i], cotangent, sum);
        if (later) {
          const back = lease.vector(part.inShape, what);
          await part.vjp(later, back);
          device.add(1, back, sum);
        }
        later = sum;
        if (i === 0) break;
        const before = lease.vector(part.inShape, what);
        await part.vjp(cotangent, before);
        cotangent = before;
      }
    } finally {
      lease.dispose();
    }
  }

  /** That of the first part that has one, brought back through those before it. */
  #pattern(): Pattern<V> | undefined {
    const at = this.parts.findIndex(({ structure }) => structure?.pattern);
    const pattern = this.parts[at]?.structure?.pattern;
    if (!pattern || at === 0) return pattern;
    return {
      ...pattern,
      pull: async (guess, to) => {
        const last = this.#between[at - 1];
        if (pattern.pull) await pattern.pull(guess, last);
        await this.#backwards(at - 1, pattern.pull ? last : guess, to);
      },
    };
  }

  #forwards(first: number, u: V, y: V): void | Promise<void> {
    let from = u;
    for (let i = first; i < this.parts.length; i++) {
      const to = i === this.parts.length - 1 ? y : this.#between[i];
      const pending = this.parts[i].jvp(from, to);
      if (pending) return pending.then(() => this.#forwards(i + 1, to, y));
      from = to;
    }
  }

  #backwards(last: number, y: V, x: V): void | Promise<void> {
    let from = y;
    for (let i = last; i >= 0; i--) {
      const to = i === 0 ? x : this.#between[i - 1];
      const pending = this.parts[i].vjp(from, to);
      if (pending) return pending.then(() => this.#backwards(i - 1, to, x));
      from = to;
    }
  }
}
