// The number formats of GGUF files as single precision, each operation rounded as the reference (gguf-py's quants.py) does.
const { fround } = Math;

/** A format: elements and bytes of a block, and how a block is read. */
interface Format {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  read(bytes: DataView, at: number, out: Float32Array, to: number): void;
}

/** IEEE 754 binary16 at a place. */
function half(view: DataView, at: number): number {
  const bits = view.getUint16(at, true);
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

const plain = (name: string, bytes: number, read: (view: DataView, at: number) => number): Format => ({
  name,
  elements: 1,
  bytes,
  read: (view, at, out, to) => {
    out[to] = read(view, at);
  },
});

/** Blocks of 32 whose nibbles are the low ones of 16 bytes and then the high ones, with a scale and perhaps an offset. */
function nibbles(name: string, offset: boolean, fifth: boolean, level: (q: number) => number): Format {
  const head = (offset ? 4 : 2) + (fifth ? 4 : 0);
  return {
    name,
    elements: 32,
    bytes: head + 16,
    read(view, at, out, to) {
      const d = half(view, at);
      const m = offset ? half(view, at + 2) : 0;
      const high = fifth ? view.getUint32(at + head - 4, true) : 0;
      for (let i = 0; i < 32; i++) {
        const byte = view.getUint8(at + head + (i % 16));
        const q = (i < 16 ? byte & 15 : byte >> 4) | (((high >>> i) & 1) << 4);
        const product = fround(d * level(q));
        out[to + i] = offset ? product + m : product;
      }
    },
  };
}

const codebook = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

const q8: Format = {
  name: "Q8_0",
  elements: 32,
  bytes: 34,
  read(view, at, out, to) {
    const d = half(view, at);
    for (let i = 0; i < 32; i++) out[to + i] = d * view.getInt8(at + 2 + i);
  },
};

const q2k: Format = {
  name: "Q2_K",
  elements: 256,
  bytes: 84,
  read(view, at, out, to) {
    const [d, least] = [half(view, at + 80), half(view, at + 82)];
    for (let e = 0; e < 256; e++) {
      const scale = view.getUint8(at + (e >> 4));
      const q = (view.getUint8(at + 16 + (e >> 7) * 32 + (e & 31)) >> (2 * ((e >> 5) & 3))) & 3;
      out[to + e] = fround(fround(d * (scale & 15)) * q) - fround(least * (scale >> 4));
    }
  },
};

const q3k: Format = {
  name: "Q3_K",
  elements: 256,
  bytes: 110,
  read(view, at, out, to) {
    const d = half(view, at + 108);
    for (let e = 0; e < 256; e++) {
      const s = e >> 4;
      const low = (view.getUint8(at + 96 + (s & 7)) >> (s < 8 ? 0 : 4)) & 15;
      const high = (view.getUint8(at + 104 + (s & 3)) >> (2 * (s >> 2))) & 3;
      const q = (view.getUint8(at + 32 + (e >> 7) * 32 + (e & 31)) >> (2 * ((e >> 5) & 3))) & 3;
      const bit = (view.getUint8(at + (e & 31)) >> (e >> 5)) & 1;
      out[to + e] = fround(d * ((low | (high << 4)) - 32)) * (q - (bit ? 0 : 4));
    }
  },
};

/** Six bits of scale and of offset for each of eight groups, in twelve bytes. */
function packedScales(view: DataView, at: number, group: number): [scale: number, least: number] {
  const byte = (i: number) => view.getUint8(at + i);
  const i = group & 3;
  if (group < 4) return [byte(i) & 63, byte(4 + i) & 63];
  return [(byte(8 + i) & 15) | ((byte(i) >> 2) & 48), (byte(8 + i) >> 4) | ((byte(4 + i) >> 2) & 48)];
}

function fourBits(name: string, fifth: boolean): Format {
  const start = fifth ? 48 : 16;
  return {
    name,
    elements: 256,
    bytes: start + 128,
    read(view, at, out, to) {
      const [d, least] = [half(view, at), half(view, at + 2)];
      for (let e = 0; e < 256; e++) {
        const [scale, offset] = packedScales(view, at + 4, e >> 5);
        const byte = view.getUint8(at + start + (e >> 6) * 32 + (e & 31));
        const high = fifth ? (view.getUint8(at + 16 + (e & 31)) >> (e >> 5)) & 1 : 0;
        const q = ((byte >> (e & 32 ? 4 : 0)) & 15) | (high << 4);
        out[to + e] = fround(fround(d * scale) * q) - fround(least * offset);
      }
    },
  };
}

const q6k: Format = {
  name: "Q6_K",
  elements: 256,
  bytes: 210,
  read(view, at, out, to) {
    const d = half(view, at + 208);
    for (let e = 0; e < 256; e++) {
      const low = (view.getUint8(at + (e >> 7) * 64 + (e & 63)) >> (e & 64 ? 4 : 0)) & 15;
      const high = (view.getUint8(at + 128 + (e >> 7) * 32 + (e & 31)) >> (2 * ((e >> 5) & 3))) & 3;
      out[to + e] = fround(d * view.getInt8(at + 192 + (e >> 4))) * ((low | (high << 4)) - 32);
    }
  },
};

const iq4xs: Format = {
  name: "IQ4_XS",
  elements: 256,
  bytes: 136,
  read(view, at, out, to) {
    const d = half(view, at);
    const highs = view.getUint16(at + 2, true);
    for (let e = 0; e < 256; e++) {
      const s = e >> 5;
      const low = (view.getUint8(at + 4 + (s >> 1)) >> (s & 1 ? 4 : 0)) & 15;
      const scale = (low | (((highs >> (2 * s)) & 3) << 4)) - 32;
      const byte = view.getUint8(at + 8 + s * 16 + (e & 15));
      out[to + e] = fround(d * scale) * codebook[e & 16 ? byte >> 4 : byte & 15];
    }
  },
};

/** By the number that a file has for the format (ggml_type). */
export const formats: ReadonlyMap<number, Format> = new Map<number, Format>([
  [0, plain("F32", 4, (view, at) => view.getFloat32(at, true))],
  [1, plain("F16", 2, half)],
  [30, plain("BF16", 2, (view, at) => bfloat(view.getUint16(at, true)))],
  [2, nibbles("Q4_0", false, false, (q) => q - 8)],
  [3, nibbles("Q4_1", true, false, (q) => q)],
  [6, nibbles("Q5_0", false, true, (q) => q - 16)],
  [7, nibbles("Q5_1", true, true, (q) => q)],
  [8, q8],
  [10, q2k],
  [11, q3k],
  [12, fourBits("Q4_K", false)],
  [13, fourBits("Q5_K", true)],
  [14, q6k],
  [20, nibbles("IQ4_NL", false, false, (q) => codebook[q])],
  [23, iq4xs],
]);

/** Whole blocks as numbers. */
export function dequantise(format: Format, bytes: Uint8Array): Float32Array {
  const blocks = bytes.length / format.bytes;
  const out = new Float32Array(blocks * format.elements);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < blocks; block++) format.read(view, block * format.bytes, out, block * format.elements);
  return out;
}

const word = new DataView(new ArrayBuffer(4));

function bfloat(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
