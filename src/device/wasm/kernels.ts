// Loading the kernels: which binary, compiled once, one instance and one memory a runtime.
import { wrongKind } from "../../base/check.js";
import { DeviceError } from "../../base/errors.js";
import type { URLLike } from "../../base/platform.js";
import { version } from "../../base/version.js";
import { compile, instantiate, type KernelName, webAssembly } from "./compile.js";
import { loadKernels } from "./embeddedKernels.js";
import type { Heap } from "./heap.js";
import { ABI } from "./layout.js";
import type { WasmModule } from "./webassembly.js";

/** The exports of assembly/index.ts. Pointers are unsigned byte offsets, kept in numbers. */
export interface Kernels {
  /** How many threads share an application of so many multiply-adds; their primal is there once for each. */
  membersFor(multiplyAdds: number): number;
  describe(): number;
  setEdgeTile(at: number): void;
  packStrips(m: number, k: number, src: number, row: number, step: number, dst: number): void;
  packPanels(k: number, n: number, src: number, step: number, column: number, dst: number, panel: number): void;
  unpackPanels(k: number, n: number, src: number, panel: number, dst: number, step: number, column: number): void;
  multiply(
    m: number,
    n: number,
    k: number,
    a: number,
    b: number,
    bPanel: number,
    c: number,
    cRow: number,
    cPanel: number,
    accumulate: number,
  ): void;
  attend(primal: number, y: number): void;
  probabilitiesOf(primal: number, head: number, group: number): number;
  sumPatterns(primal: number, v: number, out: number): void;
  sumTransposedPatterns(primal: number, u: number, out: number): void;
  jvp(primal: number, u: number, y: number): void;
  vjp(primal: number, y: number, x: number): void;
  gradient(space: number, u: number, v: number, x: number): void;
  sumBlocks(row: number): void;
  jvpAll(lockstep: number): void;
  vjpAll(lockstep: number): void;
  factorize(n: number, table: number, count: number, r: number, work: number): void;
  clear(count: number, to: number): void;
  copy(count: number, from: number, to: number): void;
  add(count: number, factor: number, from: number, to: number): void;
  multiplyElements(count: number, a: number, b: number, to: number): void;
  orthonormalizeAgainst(basis: number, k: number, along: number, w: number, length: number): void;
  normalizeInto(count: number, w: number, length: number): void;
  distanceInto(count: number, x: number, factor: number, y: number, length: number): void;
  combineBasis(basis: number, k: number, to: number): void;
  reflectBasis(basis: number, k: number, work: number): void;
  normalize(n: number, x: number, floor: number): number;
  applyLinear(linear: number, panels: number, x: number, y: number): void;
  linearJvp(linear: number, panels: number, u: number, y: number): void;
  linearVjp(linear: number, panels: number, v: number, x: number): void;
  applyNorm(norm: number, x: number, y: number): void;
  normJvp(norm: number, u: number, y: number): void;
  normVjp(norm: number, v: number, x: number): void;
  normGradient(norm: number, u: number, v: number, x: number): void;
  activate(activation: number, x: number, y: number): void;
}

/** A module of one function that multiplies and adds in relaxed SIMD: it validates where relaxed SIMD is on. */
const RELAXED_PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0],
  ...[10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11],
);

export type Simd = "relaxed" | "simd128";
export type KernelSource = WasmModule | Uint8Array | ArrayBuffer | URLLike | string;

type KernelLoader = (name: KernelName) => Promise<WasmModule>;

/** The package's own kernels. */
const ownKernels = compiledOnce(loadKernels);

export interface Instance {
  readonly module: WasmModule;
  readonly kernels: Kernels;
  readonly simd: Simd;
}

/** Those of one thread, or with `load` of a team, on the heap's memory. */
export async function instantiateKernels(
  dtype: "f32" | "f64",
  heap: Heap,
  override?: KernelSource,
  load = ownKernels,
  imports: object = {},
): Promise<Instance> {
  const simd = () => (webAssembly().validate(RELAXED_PROBE) ? "relaxed" : "simd");
  const module = override === undefined ? await load(`${dtype}-${simd()}`) : await fromSource(override);
  const exports = await instantiate(module, { env: { memory: heap.memory, abort: () => undefined, ...imports } });
  const kernels: Kernels = { ...(exports as Omit<Kernels, "membersFor">), membersFor: () => 1 };
  const description = typeof kernels.describe === "function" ? kernels.describe() : 0;
  if ((description & 15) !== (dtype === "f32" ? 4 : 8)) {
    throw new DeviceError(
      `"kernels": this WebAssembly module is not howsmooth's ${dtype} kernels; use the file of this version and dtype`,
    );
  }
  if (description >>> 10 !== ABI) {
    throw new DeviceError(
      `"kernels": this file is of another version of howsmooth and lays its memory out otherwise; use that of ${version}`,
    );
  }
  heap.tileRows = (description >>> 6) & 15;
  return { module, kernels, simd: description & 16 ? "relaxed" : "simd128" };
}

/** The modules of a loader, each compiled once and shared by all who ask. */
export function compiledOnce(load: KernelLoader): KernelLoader {
  const compiled = new Map<KernelName, Promise<WasmModule>>();
  return (name) => {
    let module = compiled.get(name);
    if (!module) {
      module = load(name);
      compiled.set(name, module);
      module.catch(() => compiled.delete(name));
    }
    return module;
  };
}

async function fromSource(source: KernelSource): Promise<WasmModule> {
  // By name: a module or a buffer may come from another realm, an iframe's, say.
  const kind = Object.prototype.toString.call(source).slice("[object ".length, -1);
  if (kind === "WebAssembly.Module") return source as WasmModule;
  if (kind === "ArrayBuffer") return compile(new Uint8Array(source as ArrayBuffer));
  if (ArrayBuffer.isView(source)) return compile(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  if (kind === "String" || kind === "URL") {
    const url = typeof source === "string" ? source : (source as URLLike).href;
    const { fetch } = globalThis as unknown as {
      fetch(url: string): Promise<{ ok: boolean; status: number; arrayBuffer(): Promise<ArrayBuffer> }>;
    };
    const response = await fetch(url);
    if (!response.ok) throw new DeviceError(`"kernels": ${url} answered with status ${response.status}`);
    return compile(new Uint8Array(await response.arrayBuffer()));
  }
  throw wrongKind("kernels", "a WebAssembly.Module, its bytes, or a URL", source);
}
