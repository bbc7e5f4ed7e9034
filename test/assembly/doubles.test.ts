// The kernels' elementary functions against the engine's own, and activations' derivatives against differences, on many
// points: arrays go in and out by AssemblyScript's loader.
import { type ASUtil, instantiate } from "@assemblyscript/loader";
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { webAssembly } from "../../src/device/wasm/compile.js";
import { resolveActivation } from "../../src/layers/activation.js";

type Pointer = number;

interface Exports extends Record<string, unknown> {
  FLOAT64_ARRAY: { valueOf(): number };
  mapExp(x: Pointer): Pointer;
  mapExpm1(x: Pointer): Pointer;
  mapErfcx(x: Pointer): Pointer;
  mapGaussian(x: Pointer): Pointer;
  activation(kind: number, x: Pointer): Pointer;
}

interface Compiler {
  main(
    args: string[],
    host: { writeFile(name: string, contents: Uint8Array<ArrayBuffer>): void },
  ): Promise<{ error: Error | null; stderr: object }>;
}

let kernels: ASUtil & Exports;
beforeAll(async () => {
  // Its declarations would change the global `console` of every test.
  const compiler = "assemblyscript/asc";
  const { default: asc }: { default: Compiler } = await import(compiler);
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const flags = ["-O2", "--runtime", "stub", "--exportRuntime", "--use", "Real=f64", "--enable", "simd"];
  const { error, stderr } = await asc.main(["assembly/__tests__/arrays.ts", ...flags, "--outFile", "arrays.wasm"], {
    writeFile(name, contents) {
      if (name.endsWith(".wasm")) binary = new Uint8Array(contents);
    },
  });
  if (error) throw new Error(String(stderr));
  const memory = new (webAssembly().Memory)({ initial: 16, maximum: 1024, shared: false });
  kernels = (await instantiate<Exports>(binary!, { env: { memory } })).exports;
});

function through(map: (x: Pointer) => Pointer, points: Float64Array): Float64Array {
  return kernels.__getFloat64Array(map(kernels.__newArray(kernels.FLOAT64_ARRAY.valueOf(), points)));
}

const random = new Random(11);
const points = (count: number, from: number, to: number) =>
  Float64Array.from({ length: count }, () => from + (to - from) * random.uniform());

function worst(got: Float64Array, want: (x: number) => number, at: Float64Array): number {
  return got.reduce((most, value, i) => Math.max(most, Math.abs(value / want(at[i]) - 1)), 0);
}

describe("functions of doubles", () => {
  it("exp has the engine's value to a few units in the last place", () => {
    const x = points(20_000, -700, 700);
    expect(worst(through(kernels.mapExp, x), Math.exp, x)).toBeLessThan(6e-16);
  });

  it("expm1 has, from −40 to 0, and next to 0 too", () => {
    const x = points(20_000, -40, 0).map((value, i) => (i % 2 ? value : value * 1e-9));
    expect(worst(through(kernels.mapExpm1, x), Math.expm1, x)).toBeLessThan(6e-16);
  });

  it("the Gaussian has, by squares taken exactly", () => {
    // Halves of integers have exact squares.
    const x = points(5000, -74, 74).map((value) => Math.round(value) / 2);
    expect(worst(through(kernels.mapGaussian, x), (at) => Math.exp((-at * at) / 2), x)).toBeLessThan(6e-16);
  });

  it("erfcx solves y′ = 2xy − 2/√π", () => {
    const x = points(2000, 0.01, 20);
    const h = 1e-3;
    const at = (shift: number) =>
      through(
        kernels.mapErfcx,
        x.map((value) => value + shift),
      );
    const [y, ...around] = [0, -2 * h, -h, h, 2 * h].map(at);
    for (let i = 0; i < x.length; i++) {
      const [a, b, c, d] = around.map((values) => values[i]);
      const slope = (a - 8 * b + 8 * c - d) / (12 * h);
      expect(Math.abs(slope - (2 * x[i] * y[i] - 2 / Math.sqrt(Math.PI)))).toBeLessThan(1e-10);
    }
  });
});

describe("activations", () => {
  it.each(["gelu", "gelu-tanh", "quick-gelu", "silu", "tanh", "mish", "sigmoid", "laplace"])(
    "%s: f′ and f″ are the derivatives of f and f′, and no steeper than its bound",
    (kind) => {
      const { index, steepest } = resolveActivation("activation", kind);
      const x = points(3000, -12, 12);
      const h = 1e-3;
      const at = (shift: number) =>
        through(
          (pointer) => kernels.activation(index, pointer),
          x.map((value) => value + shift),
        );
      const [here, ...around] = [0, -2 * h, -h, h, 2 * h].map(at);
      let most = 0;
      for (let i = 0; i < x.length; i++) {
        for (const order of [0, 1]) {
          const [a, b, c, d] = around.map((values) => values[order * x.length + i]);
          const slope = (a - 8 * b + 8 * c - d) / (12 * h);
          expect(Math.abs(slope - here[(order + 1) * x.length + i])).toBeLessThan(1e-8);
        }
        most = Math.max(most, Math.abs(here[x.length + i]));
      }
      expect(most).toBeLessThanOrEqual(steepest * (1 + 1e-15));
      expect(most).toBeGreaterThan(0.999 * steepest);
    },
  );
});
