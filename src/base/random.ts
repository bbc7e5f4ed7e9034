// Seeded random numbers: xoshiro128** (Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c) and the
// ziggurat for the normal law (Marsaglia and Tsang 2000, with index and value from separate bits as in Doornik 2005).
import type { RealArray } from "./tensor.js";

/** A stream of random numbers. The same seed gives the same numbers on every machine. */
export class Random {
  readonly #state = new Int32Array(4);

  /** @param seed any number, or several that are hashed together */
  constructor(seed: number | readonly number[]) {
    const [high, low] = hash(typeof seed === "number" ? [seed] : seed);
    for (let i = 0; i < 4; i++) this.#state[i] = mix(high + mix(low + Math.imul(i + 1, 0x9e3779b9)));
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** Uniform over the integers of [0, 2³²). */
  uint32(): number {
    return this.#next() >>> 0;
  }

  /** Uniform on [0, 1), in steps of 2⁻⁵³. */
  uniform(): number {
    return ((this.#next() >>> 5) * 0x4000000 + (this.#next() >>> 6)) * 2 ** -53;
  }

  /** From the standard normal law. */
  gaussian(): number {
    for (;;) {
      const bits = this.#next();
      const strip = bits & 255;
      const u = (this.#next() + (bits >>> 8) * 2 ** -24) * 2 ** -31;
      const x = u * edges[strip];
      if (Math.abs(x) < edges[strip + 1]) return x;
      if (strip === 0) return u < 0 ? -this.#tail() : this.#tail();
      if (heights[strip] + this.uniform() * (heights[strip + 1] - heights[strip]) < Math.exp(-0.5 * x * x)) return x;
    }
  }

  /** Fills `array` from the normal law of mean 0 and the given standard deviation, and returns it. */
  fillGaussian<T extends RealArray>(array: T, std = 1): T {
    for (let i = 0; i < array.length; i++) array[i] = std * this.gaussian();
    return array;
  }

  /** From the normal law beyond the last edge (Marsaglia 1964). */
  #tail(): number {
    for (;;) {
      const x = -Math.log(1 - this.uniform()) / lastEdge;
      if (-2 * Math.log(1 - this.uniform()) > x * x) return lastEdge + x;
    }
  }

  #next(): number {
    const state = this.#state;
    const s1 = state[1];
    const scrambled = Math.imul(rotate(Math.imul(s1, 5), 7), 9);
    const s2 = state[2] ^ state[0];
    const s3 = state[3] ^ s1;
    state[1] = s1 ^ s2;
    state[0] ^= s3;
    state[2] = s2 ^ (s1 << 9);
    state[3] = rotate(s3, 11);
    return scrambled;
  }
}

/** A seed for one part of a computation, an integer of [0, 2⁵³): from the whole's seed and the part's names. */
export function deriveSeed(seed: number, ...parts: readonly (number | string)[]): number {
  const [high, low] = hash([seed, ...parts]);
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** 64 bits that depend on every part, on its kind and on their order. */
function hash(parts: readonly (number | string)[]): [high: number, low: number] {
  let high = 0x243f6a88;
  let low = 0x13198a2e;
  const absorb = (word: number) => {
    high = mix(high ^ word);
    low = mix(Math.imul(low, 0x01000193) + word + high);
  };
  for (const part of parts) {
    if (typeof part === "string") {
      absorb(part.length);
      for (let i = 0; i < part.length; i++) absorb(part.charCodeAt(i));
    } else {
      const [first, second] = new Int32Array(new Float64Array([part]).buffer);
      absorb(first);
      absorb(second);
      absorb(-1);
    }
  }
  return [mix(high + low), mix(low ^ Math.imul(high, 0x85ebca6b))];
}

/** The finalizer of MurmurHash3: a bijection of 32 bits in which every bit depends on every other. */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

// 256 strips of equal area under exp(−x²/2); strip 0 also holds the tail beyond lastEdge.
const lastEdge = 3.6541528853610088;
const stripArea = 0.00492867323399;
const edges = new Float64Array(257);
const heights = new Float64Array(257);
edges[0] = stripArea / Math.exp(-0.5 * lastEdge * lastEdge);
edges[1] = lastEdge;
heights[1] = Math.exp(-0.5 * lastEdge * lastEdge);
for (let i = 2; i < 256; i++) {
  heights[i] = heights[i - 1] + stripArea / edges[i - 1];
  edges[i] = Math.sqrt(-2 * Math.log(heights[i]));
}
heights[256] = 1;
