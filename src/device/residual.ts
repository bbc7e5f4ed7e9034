// A layer and the path around it as one layer: x + f(x), whose Jacobian is I + J.
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceLayer, Linearized, Shared } from "./deviceLayer.js";
import { type DeviceOperator, secondDerivative } from "./operator.js";
import { afterwards, copying, release, sharing } from "./parts.js";

/** Takes over the hold of its layer, of as many features in as out. */
export class Residual<V extends Vector> implements DeviceLayer<V> {
  readonly device: Device<V>;
  readonly dIn: number;
  readonly dOut: number;

  constructor(readonly part: Shared<DeviceLayer<V>>) {
    const { device, dIn, dOut } = part.value;
    this.device = device;
    this.dIn = dIn;
    this.dOut = dOut;
  }

  async forward(x: V, lease: Lease<V>): Promise<V> {
    const output = await this.part.value.forward(x, lease);
    this.device.add(1, x, output);
    return output;
  }

  async linearize(x: V, lease: Lease<V>): Promise<Linearized<V>> {
    const { operator, output } = await this.part.value.linearize(x, lease);
    this.device.add(1, x, output);
    return { operator: identityPlus(operator), output };
  }

  get together(): (() => DeviceLayer<V>) | undefined {
    return sharing([this.part], ([part]) => new Residual(part));
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    return copying([this.part], (_, [part]) => new Residual(part));
  }

  dispose(): void {
    release([this.part]);
  }
}

/** I + J, for as many rounding errors as J's and one addition's. */
function identityPlus<V extends Vector>(operator: DeviceOperator<V>): DeviceOperator<V> {
  const { device, inShape, outShape, roundoff } = operator;
  return {
    device,
    inShape,
    outShape,
    structure: { pattern: operator.structure?.pattern },
    roundoff: roundoff + (device.dtype === "f32" ? 2 ** -24 : 2 ** -53),
    jvp: (u, y) => afterwards(operator.jvp(u, y), () => device.add(1, u, y)),
    vjp: (y, x) => afterwards(operator.vjp(y, x), () => device.add(1, y, x)),
    gradient: (u, v, to) => secondDerivative(operator, u, v, to),
  };
}
