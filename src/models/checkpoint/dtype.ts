// The number formats of safetensors files, and how those of weights are read.
import type { RealArray } from "../../base/tensor.js";

/** Every format by its size in bits: what isn't read must still fit its place in the file. */
const bitsOf = new Map([
  ...["F4"].map((dtype) => [dtype, 4] as const),
  ...["F6_E2M3", "F6_E3M2"].map((dtype) => [dtype, 6] as const),
  ...["BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"].map((dtype) => [dtype, 8] as const),
  ...["U16", "I16", "F16", "BF16"].map((dtype) => [dtype, 16] as const),
  ...["U32", "I32", "F32"].map((dtype) => [dtype, 32] as const),
  ...["U64", "I64", "F64", "C64"].map((dtype) => [dtype, 64] as const),
]);

const decoders: Readonly<Record<string, (bytes: Uint8Array) => RealArray>> = {
  F64: (bytes) => new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8),
  F32: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
  F16: (bytes) => decodeF16(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)),
  BF16: (bytes) => decodeBF16(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)),
  F8_E4M3: (bytes) => Float32Array.from(bytes, (byte) => e4m3[byte]),
  F8_E5M2: (bytes) => Float32Array.from(bytes, (byte) => e5m2[byte]),
};

/** The formats that weights are read from. */
export const readableDtypes: readonly string[] = Object.keys(decoders);

/** Bits of an element; undefined for a name that isn't known. */
export function bitsPerElement(dtype: string): number | undefined {
  return bitsOf.get(dtype);
}

/** Whether the format holds numbers of eight bits, which come with scales. */
export function isEightBitFloat(dtype: string): boolean {
  return dtype === "F8_E4M3" || dtype === "F8_E5M2";
}

/**
 * Little-endian bytes as numbers, exactly: F64 as Float64Array, the others as Float32Array. May share memory with
 * `bytes`, which must start on a multiple of 8. (WebAssembly hosts are little-endian.)
 */
export function decodeNumbers(dtype: string, bytes: Uint8Array): RealArray {
  return decoders[dtype](bytes);
}

/** IEEE 754 binary16. */
function decodeF16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const exponent = (halves[i] >> 10) & 31;
    const fraction = halves[i] & 1023;
    let magnitude: number;
    if (exponent === 31) magnitude = fraction ? Number.NaN : Number.POSITIVE_INFINITY;
    else if (exponent === 0) magnitude = fraction * 2 ** -24;
    else magnitude = (1024 + fraction) * powers[exponent];
    values[i] = halves[i] & 0x8000 ? -magnitude : magnitude;
  }
  return values;
}

/** e4m3fn: no infinities, and NaN where all bits are 1. */
const e4m3 = eightBits(3, 7, false);
const e5m2 = eightBits(2, 15, true);

const powers = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

/** The upper half of a binary32. */
function decodeBF16(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
  return new Float32Array(words.buffer);
}

/** All values of a float of eight bits, by its byte; with the largest exponent kept for NaN and infinity, or not. */
function eightBits(mantissaBits: number, bias: number, hasInfinity: boolean): Float32Array {
  const steps = 2 ** mantissaBits;
  const largest = 2 ** (7 - mantissaBits) - 1;
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const exponent = (byte & 127) >> mantissaBits;
    const fraction = byte & (steps - 1);
    const sign = byte & 128 ? -1 : 1;
    if (exponent === largest && (hasInfinity || fraction === steps - 1)) {
      return hasInfinity && fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    }
    const units = exponent === 0 ? fraction : steps + fraction;
    return sign * units * 2 ** (Math.max(exponent, 1) - bias - mantissaBits);
  });
}
