// A head's layer in as many coordinates as its maps tell apart. The projections of a head see of a token no more than
// its component in the span of their 3·dHead columns, and its outputs lie in the span of dValue rows of the output map:
// with W = Q·R the layer of the triangles R has the same singular values (those of the Gram matrices WᵀW = RᵀR).
import { type Tensor, tensor } from "../../base/tensor.js";
import type { Core } from "../operator.js";
import type { WasmDevice, WasmLease, WasmVector } from "./device.js";
import { borrow, type Heap, type Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import {
  copyStruct,
  LAYER,
  PRIMAL,
  panelSize,
  ROW,
  readPanels,
  stripSize,
  tileColumns,
  tileRows,
  writePanels,
} from "./layout.js";
import type { Lockstep } from "./lockstep.js";
import { channelsOf, type LayerSizes, type PackedLayer } from "./weights.js";

/** An orthonormal basis of coordinates: strips of Q [features × size] and of its transpose. */
export interface Coordinates {
  readonly features: number;
  readonly size: number;
  readonly expand: number;
  readonly contract: number;
}

/** The kernels' structure of the reduced layer, and the bases of its two sides; a side that is not reduced has none. */
export interface ReducedLayer {
  readonly at: number;
  readonly dIn: number;
  readonly dOut: number;
  readonly input?: Coordinates;
  readonly output?: Coordinates;
}

/** Whether a side shrinks enough to pay for its factorization; of several heads together none does. */
function worthwhile(heads: number, channels: number, features: number): boolean {
  return heads === 1 && 2 * channels <= features;
}

export function reduceLayer(
  kernels: Kernels,
  region: Region,
  layer: PackedLayer,
  sizes: LayerSizes,
): ReducedLayer | undefined {
  const { heads, dIn, dOut, dValue } = sizes;
  const channels = channelsOf(sizes);
  const onInput = worthwhile(heads, channels, dIn);
  const onOutput = layer.output !== 0 && worthwhile(heads, dValue, dOut);
  if (!onInput && !onOutput) return undefined;
  const at = region.bytes(LAYER.bytes, "a layer");
  const changes: Record<string, number> = {};
  const reduced: { -readonly [K in keyof ReducedLayer]: ReducedLayer[K] } = { at, dIn, dOut };
  if (onInput) {
    const { basis, triangle, transposed } = factorize(kernels, region, layer.project, channels, dIn);
    Object.assign(changes, { dIn: channels, project: transposed, projectBack: triangle });
    Object.assign(reduced, { dIn: channels, input: basis });
  }
  if (onOutput) {
    const { basis, triangle, transposed } = factorize(kernels, region, layer.outputBack, dValue, dOut);
    Object.assign(changes, { dOut: dValue, output: triangle, outputBack: transposed });
    Object.assign(reduced, { dOut: dValue, output: basis });
  }
  copyStruct(region.heap, layer.at, at, LAYER, changes);
  return reduced;
}

/** The operator in the coordinates of its reduced layer, in the lease: only the kernels' layer differs. */
export function coreOf(
  {
    device,
    primal: whole,
    inShape: [n],
    roundoff,
  }: {
    readonly device: WasmDevice;
    readonly primal: number;
    readonly inShape: readonly number[];
    readonly roundoff: number;
  },
  { at, dIn, dOut, input, output }: ReducedLayer,
  lease: WasmLease,
  lockstep?: Lockstep,
): Core<WasmVector> {
  const { heap, kernels } = device;
  const primal = lease.region.bytes(PRIMAL.bytes, "a linearization");
  // A head is not divided between threads, so that there is little for them to share.
  copyStruct(heap, whole, primal, PRIMAL, { layer: at, shared: 0 });
  const expand = (vectors: Tensor, { expand, size, features }: Coordinates) =>
    changed(device, vectors, expand, size, features);
  return {
    operator: {
      device,
      inShape: [n, dIn],
      outShape: [n, dOut],
      roundoff,
      jvp(u, y) {
        if (lockstep) return lockstep.apply({ primal, layer: at, transposed: false, from: u, to: y });
        kernels.jvp(primal, u.at, y.at);
      },
      vjp(y, x) {
        if (lockstep) return lockstep.apply({ primal, layer: at, transposed: true, from: y, to: x });
        kernels.vjp(primal, y.at, x.at);
      },
    },
    restrict: (u) => (input ? changed(device, u, input.contract, input.features, input.size) : u),
    lift: ({ left, right }) => ({
      left: output ? expand(left, output) : left,
      right: input ? expand(right, input) : right,
    }),
  };
}

/** Tokens of `from` features times a matrix in strips [to × from]. */
function changed(
  { heap, kernels }: WasmDevice,
  { data, shape: [n] }: Tensor,
  strips: number,
  from: number,
  to: number,
) {
  const columns = tileColumns(heap);
  const tokens = Math.ceil(n / columns) * columns;
  return borrow(heap, (work) => {
    const source = work.reals(panelSize(heap, n, from), "a singular vector");
    const target = work.reals(panelSize(heap, n, to), "a singular vector");
    writePanels(heap, source, data, n, from);
    kernels.multiply(to, tokens, from, strips, source, from * ROW, target, ROW, to * ROW, 0);
    return tensor(readPanels(heap, target, n, to), [n, to]);
  });
}

/** Wᵀ = Rᵀ Qᵀ of a map whose Wᵀ [size × features] is given in strips: the basis, and strips of R and Rᵀ. */
function factorize(kernels: Kernels, region: Region, strips: number, size: number, features: number) {
  const { heap } = region;
  const { word } = heap;
  const room = (rows: number, k: number) => region.reals(stripSize(heap, rows, k), "a head's coordinates");
  const basis: Coordinates = { features, size, expand: room(features, size), contract: room(size, features) };
  const triangle = room(size, size);
  const transposed = room(size, size);
  borrow(heap, (work) => {
    const what = "the work space of a head's coordinates";
    const length = Math.ceil(features / 4) * 4;
    const columns = work.reals(size * length, what);
    copyRows(heap, strips, size, features, columns, length);
    const table = work.bytes(size * 4, what);
    const factor = work.bytes(size * size * 8, what);
    const coefficients = work.bytes(size * 8, what);
    const square = work.reals(size * size, what);
    const addresses = new Uint32Array(heap.memory.buffer, table, size);
    for (let c = 0; c < size; c++) addresses[c] = columns + c * length * word;
    new Float64Array(heap.memory.buffer, factor, size * size).fill(0);
    kernels.factorize(length, table, size, factor, coefficients);
    heap.reals(square, size * size).set(new Float64Array(heap.memory.buffer, factor, size * size));
    kernels.packStrips(features, size, columns, word, length * word, basis.expand);
    kernels.packStrips(size, features, columns, length * word, word, basis.contract);
    // The factor comes column by column, which is Rᵀ row by row.
    kernels.packStrips(size, size, square, word, size * word, triangle);
    kernels.packStrips(size, size, square, size * word, word, transposed);
  });
  return { basis, triangle, transposed };
}

/** Rows of strips k steps long, each to `length` ≥ k numbers, the rest of them zero. */
function copyRows(heap: Heap, strips: number, rows: number, k: number, to: number, length: number): void {
  const height = tileRows(heap);
  const source = heap.reals(strips, stripSize(heap, rows, k));
  const target = heap.reals(to, rows * length).fill(0);
  for (let row = 0; row < rows; row++) {
    let from = Math.floor(row / height) * height * k + (row % height);
    for (let i = 0, at = row * length; i < k; i++, from += height) target[at++] = source[from];
  }
}
