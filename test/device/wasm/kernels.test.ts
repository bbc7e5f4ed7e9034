// The `kernels` option: the same WebAssembly by any way that it can come, and what is not it refused by name.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRuntime, localLipschitz, tensor } from "../../../src/index.js";

const bytes = new Uint8Array(readFileSync(new URL("../../../build/kernels/f32-simd.wasm", import.meta.url)));
const make = (kernels: unknown) => createRuntime({ device: "wasm", kernels: kernels as Uint8Array });

async function sigma(kernels: unknown): Promise<number> {
  const runtime = await make(kernels);
  const one = { weight: tensor(Float32Array.of(1), [1, 1]) };
  const layer = runtime.attention({ heads: 1, query: one, key: one, value: one });
  try {
    return (await localLipschitz(layer, tensor(Float32Array.of(1, -1), [2, 1]))).sigma;
  } finally {
    runtime.dispose();
  }
}

/** Two tokens at ±1: they move apart by tanh 1 + 2 sech² 1. */
const known = Math.tanh(1) + 2 / Math.cosh(1) ** 2;

/** What a binary says of itself. */
async function description(binary: Uint8Array<ArrayBuffer>): Promise<number> {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: {
      Memory: new (size: { initial: number; maximum: number }) => object;
      instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { describe(): number } } }>;
    };
  };
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65535 });
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory, abort: () => undefined } });
  return instance.exports.describe();
}

/** i32.const of a signed number of five bytes. */
function leb128(value: number): Buffer {
  const bytes = [0x41];
  let rest = value;
  for (;;) {
    const low = rest & 127;
    rest >>= 7;
    const last = (rest === 0 && !(low & 64)) || (rest === -1 && (low & 64) !== 0);
    bytes.push(last ? low : low | 128);
    if (last) return Buffer.from(bytes);
  }
}

describe("kernels", () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/f32.wasm" ? 200 : 404;
    response.end(request.url === "/f32.wasm" ? bytes : "");
  });
  let site: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it("are taken as bytes, as a buffer, as a compiled module and by address", async () => {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: { compile(bytes: Uint8Array): Promise<object> } };
    const sources = [bytes, bytes.slice().buffer, await WebAssembly.compile(bytes), `${site}/f32.wasm`];
    for (const source of [...sources, new URL(`${site}/f32.wasm`)]) expect(await sigma(source)).toBeCloseTo(known, 4);
  });

  it("that are not there are refused with their address", async () => {
    await expect(make(`${site}/gone.wasm`)).rejects.toThrow(/"kernels": http.*\/gone\.wasm answered with status 404/);
  });

  it("of another dtype are refused", async () => {
    await expect(createRuntime({ dtype: "f64", kernels: bytes })).rejects.toThrow(/"kernels".*not howsmooth's f64/);
  });

  it("of another version are refused, in a sentence", async () => {
    // describe() returns a constant, which stands in the file as it is: one bit of its hash is turned over.
    const other = Buffer.from(bytes);
    const constant = leb128(await description(bytes));
    const at = other.indexOf(constant);
    expect(other.indexOf(constant, at + 1)).toBe(-1);
    other[at + 3] ^= 1;
    await expect(make(other)).rejects.toThrow(
      /"kernels": this file is of another version of howsmooth.* use that of \d/,
    );
  });

  it("that are other WebAssembly, or none, are refused", async () => {
    const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
    await expect(make(empty)).rejects.toThrow(/"kernels".*not howsmooth's f32/);
    await expect(make(bytes.subarray(0, 100))).rejects.toThrow(/`kernels`, where given, must be those of this version/);
  });

  it.each([[5], [null], [{}], [[1, 2]]])("of a wrong kind, %j, are refused before any work", async (wrong) => {
    await expect(make(wrong)).rejects.toThrow(/"kernels": expected/);
  });
});
