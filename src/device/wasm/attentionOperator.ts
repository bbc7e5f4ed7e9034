// The Jacobian of attention at one input as an operator: the primal once, then products with J and Jᵀ that reuse it.
import type { RealArray } from "../../base/tensor.js";
import { type ResolvedMask, resolveMask } from "../../layers/attention/mask.js";
import { onHost } from "../../layers/attention/modifiers.js";
import { anglesAt } from "../../layers/attention/rope.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { BlockProducts, Core, DeviceOperator, EntrySums, Pattern, Structure } from "../operator.js";
import type { WasmDevice, WasmLease, WasmVector } from "./device.js";
import { borrow } from "./heap.js";
import { PRIMAL, ROW, readPanels, tileRows, writeStruct } from "./layout.js";
import type { Lockstep } from "./lockstep.js";
import { patternDirection } from "./patterns.js";
import { coreOf, type ReducedLayer } from "./reducedLayer.js";
import {
  gradientSpace,
  largestScore,
  multiplyAdds,
  primalSpace,
  roundoffAt,
  writeRotations,
  writeSeen,
} from "./space.js";
import { type Tiling, tileMask } from "./tiles.js";
import type { LayerSizes, PackedLayer } from "./weights.js";

/** A layer's weights as its operators see them. One object a layer. */
export interface SharedWeights {
  readonly layer: PackedLayer;
  /** With the mask and the rotations of the operator that asks. */
  unpack(sizes: LayerSizes): ResolvedSpec;
  valueMap: Pattern["valueMap"];
  /** The layer in fewer coordinates, where that pays. */
  reduced(): ReducedLayer | undefined;
}

/** Which tokens a token may attend to, and each one's position. */
export interface Scene {
  readonly mask: ResolvedMask;
  readonly positions: ArrayLike<number>;
}

/** Tokens one after the other, under the layer's own mask. */
export function sceneOf({ mask }: LayerSizes, n: number): Scene {
  return { mask: resolveMask(mask, n), positions: Int32Array.from({ length: n }, (_, position) => position) };
}

export class WasmAttentionOperator implements DeviceOperator<WasmVector> {
  readonly inShape: number[];
  readonly outShape: number[];
  readonly roundoff: number;
  readonly output: WasmVector;
  /** The kernels' structure. */
  readonly primal: number;
  readonly tiling: Tiling;
  readonly #layer: number;
  readonly #lockstep?: Lockstep;
  readonly #structure: () => Structure<WasmVector>;

  /**
   * @param lockstep whose steps it takes part in, until its lease is disposed of
   * @throws RangeError where the scores overflow
   */
  constructor(
    readonly device: WasmDevice,
    readonly sizes: LayerSizes,
    weights: SharedWeights,
    x: WasmVector,
    lease: WasmLease,
    scene: Scene,
    lockstep?: Lockstep,
  ) {
    const { region } = lease;
    const { heap, kernels } = device;
    const n = x.shape[0];
    this.inShape = [n, sizes.dIn];
    this.outShape = [n, sizes.dOut];
    const { mask, positions } = scene;
    const tiling = tileMask(mask, tileRows(heap), ROW / heap.word);
    this.tiling = tiling;
    const members = kernels.membersFor(multiplyAdds(sizes, n));
    const { at, copies } = primalSpace(region, sizes, x, tiling, mask.allowed !== undefined, members);
    const [fields] = copies;
    this.primal = at;
    const queries = tiling.panels * (ROW / heap.word);
    heap.reals(fields.lo, queries).fill(0).set(mask.lo);
    heap.reals(fields.hi, queries).fill(0).set(mask.hi);
    writeSeen(region, fields.seen, queries, mask);
    const bytes = new Uint8Array(heap.memory.buffer);
    bytes.set(tiling.tiles, fields.tiles);
    if (mask.allowed) bytes.set(mask.allowed, fields.allowed);
    for (const name of ["groupFirst", "groupEnd", "groupOffset"] as const) {
      new Uint32Array(heap.memory.buffer, fields[name], tiling.groups).set(tiling[name]);
    }
    const angles = anglesAt(sizes, positions);
    if (angles) writeRotations(region, fields.cos, fields.sin, angles);
    const copyAt = (member: number) => at + member * PRIMAL.bytes;
    for (const [member, copy] of copies.entries()) {
      writeStruct(heap, copyAt(member), PRIMAL, Object.assign(copy, { layer: weights.layer.at }));
    }

    this.output = lease.vector(this.outShape, "the output");
    kernels.attend(at, this.output.at);
    if (!Number.isFinite(largestScore(heap, at, members))) {
      throw new RangeError(
        `"x": the attention scores overflow ${heap.word === 4 ? "f32; use dtype f64, or scale x or the weights down" : "f64; scale x or the weights down"}`,
      );
    }
    this.roundoff = roundoffAt(heap, at, members);
    this.#layer = weights.layer.at;
    this.#lockstep = lockstep;
    if (lockstep) {
      lockstep.join();
      lease.atEnd(() => lockstep.leave());
    }
    let known: Structure<WasmVector> | undefined;
    this.#structure = () => {
      known ??= structureOf(this, weights, x);
      return known;
    };
  }

  get structure(): Structure<WasmVector> {
    return this.#structure();
  }

  jvp(u: WasmVector, y: WasmVector): void | Promise<void> {
    if (this.#lockstep) return this.#together(false, u, y);
    this.device.kernels.jvp(this.primal, u.at, y.at);
  }

  vjp(y: WasmVector, x: WasmVector): void | Promise<void> {
    if (this.#lockstep) return this.#together(true, y, x);
    this.device.kernels.vjp(this.primal, y.at, x.at);
  }

  gradient(u: WasmVector, v: WasmVector, to: WasmVector): void {
    const { heap, kernels } = this.device;
    borrow(heap, (work) => {
      const space = gradientSpace(work, this.sizes, this.primal, this.tiling);
      kernels.gradient(space, u.at, v.at, to.at);
    });
  }

  /** The smaller operator on the same queries, keys, values and probabilities. */
  core(reduced: ReducedLayer, lease: WasmLease): Core<WasmVector> {
    return coreOf(this, reduced, lease, this.#lockstep);
  }

  #together(transposed: boolean, from: WasmVector, to: WasmVector): void | Promise<void> {
    return this.#lockstep?.apply({ primal: this.primal, layer: this.#layer, transposed, from, to });
  }
}

function structureOf(operator: WasmAttentionOperator, weights: SharedWeights, x: WasmVector): Structure<WasmVector> {
  const { device, sizes, primal, tiling } = operator;
  const { heap, kernels } = device;
  const n = x.shape[0];
  const read = (): { spec: ResolvedSpec; x: RealArray } => ({
    spec: weights.unpack(sizes),
    x: readPanels(heap, x.at, n, sizes.dIn),
  });
  const hostPrimalOf = async () => {
    const norms = await import("./norms.js");
    const { spec, x } = read();
    return { ...norms, host: norms.hostPrimal(spec, x) };
  };
  const byBlocks: Pick<Structure<WasmVector>, "entrySums" | "blockProducts"> = {
    async entrySums(): Promise<EntrySums> {
      const { entrySums, host } = await hostPrimalOf();
      return entrySums(kernels, heap, host);
    },
    async blockProducts(lease): Promise<BlockProducts> {
      const { WasmBlockProducts, host } = await hostPrimalOf();
      return new WasmBlockProducts(kernels, (lease as WasmLease).region, weights.layer, host);
    },
  };
  return {
    mayUnderflow: weights.layer.mayUnderflow,
    pattern: {
      layer: weights,
      direction: async () => patternDirection(kernels, heap, primal, n, tiling),
      valueMap: weights.valueMap,
    },
    core(lease) {
      const reduced = weights.reduced();
      return reduced && operator.core(reduced, lease as WasmLease);
    },
    attention: { layer: weights, read: async () => read() },
    ...(onHost(sizes) && sizes.gateWidth === 0 ? byBlocks : {}),
  };
}
