// What a GPU cannot give, f64: how much of it the CPU is asked for.
import { DeviceError } from "../../base/errors.js";
import type { DeviceLayer } from "../deviceLayer.js";
import { channelsOf, type LayerSizes } from "./weights.js";

/** Some 0.2 s of one CPU thread. */
const MOST_FLOPS = 2 ** 32;
const MOST_BYTES = 2 ** 28;

/** Whether linearizing n tokens and applying the Jacobian once is quickly done on the CPU. */
export function fitsCpu(sizes: LayerSizes, n: number): boolean {
  const { dIn, dOut, heads, dHead, dValue } = sizes;
  const weights = dIn * channelsOf(sizes) + heads * dValue * dOut;
  const scores = heads * n * n;
  const flops = 4 * n * weights + 6 * scores * (dHead + dValue);
  const bytes = 8 * (3 * weights + scores + 8 * n * (channelsOf(sizes) + dIn + dOut));
  return flops <= MOST_FLOPS && bytes <= MOST_BYTES;
}

/** A copy of attention in f64, which is refused inputs that would take it long. */
export function whereQuick(copy: DeviceLayer, sizes: LayerSizes): DeviceLayer {
  return {
    device: copy.device,
    dIn: copy.dIn,
    dOut: copy.dOut,
    forward: (x, lease) => copy.forward(x, lease),
    async linearize(x, lease) {
      const [n] = x.shape;
      if (fitsCpu(sizes, n)) return copy.linearize(x, lease);
      throw new DeviceError(`attention to ${n} tokens in f64 is more than is quickly done on the CPU`);
    },
    dispose: () => copy.dispose(),
  };
}
