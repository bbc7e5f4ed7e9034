// What the solvers iterate: a linear operator on its own device, or its core, which is smaller; on the host for a user's.
import type { Tensor } from "../base/tensor.js";
import { HostOperator } from "../device/host.js";
import type { LinearOperator, OnDevice, SingularVectors } from "../device/operator.js";
import type { KrylovOptions, KrylovSpace } from "./krylov.js";
import { DeviceKrylovSpace } from "./krylovSpace.js";

/** To be disposed of, after its space. */
export interface Iterated {
  readonly inShape: number[];
  readonly outShape: number[];
  space(options: KrylovOptions): Promise<KrylovSpace>;
  /** Where a core is iterated: an input vector in its coordinates, and its singular vectors in the operator's. */
  readonly core?: { restrict(u: Tensor): Tensor; lift(pair: SingularVectors): SingularVectors };
  dispose(): void;
}

export async function iterated(op: LinearOperator): Promise<Iterated> {
  if (op.onDevice) return onDevice(op.onDevice);
  return {
    inShape: op.inShape,
    outShape: op.outShape,
    space: async (options) => new DeviceKrylovSpace(new HostOperator(op), options),
    dispose: () => undefined,
  };
}

async function onDevice({ operator, hold }: OnDevice): Promise<Iterated> {
  const release = hold();
  const lease = operator.device.lease();
  const dispose = () => {
    lease.dispose();
    release();
  };
  try {
    const core = await operator.structure?.core?.(lease);
    const { inShape, outShape } = core?.operator ?? operator;
    return {
      inShape,
      outShape,
      space: async (options) => new DeviceKrylovSpace(core?.operator ?? operator, options),
      core,
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
