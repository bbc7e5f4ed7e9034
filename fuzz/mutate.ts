// One mutation of a file: of its JSON, of its bytes, or of the parts of a safetensors file. All of it is drawn from a
// seeded stream, so that a case can be repeated by its number.
import type { Random } from "../src/base/random.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[below(random, choices.length)];
}

/** An integer of [0, end). */
export function below(random: Random, end: number): number {
  return Math.floor(random.uniform() * end);
}

/** @param words JSON texts to draw from, beside the hostile ones */
export function mutateFile(name: string, bytes: Uint8Array, words: readonly string[], random: Random): Uint8Array {
  if (name.endsWith(".safetensors") && random.uniform() < 0.9) return mutateSafetensors(bytes, words, random);
  if (name.endsWith(".json") && random.uniform() < 0.7) return mutateJson(bytes, words, random);
  return mutateBytes(bytes, words, random);
}

// -- JSON

const numbers = [
  ...["0", "-0", "-1", "1", "2", "3", "0.5", "7", "255", "65536", "1e5", "1e7", "1e9", "2147483647", "4294967296"],
  ...[
    "9007199254740991",
    "9007199254740992",
    "-9007199254740991",
    "1e15",
    "1e22",
    "1e308",
    "1e999",
    "-1e999",
    "5e-324",
  ],
  ...["1e-300", "123456789012345678901234567890"],
];
const strings = [
  ...["", " ", "\u0000", "a\nb", "\ud800", "\u{1f600}", "__proto__", "constructor", "toString", "hasOwnProperty"],
  ...[
    "../x",
    "/etc/passwd",
    "C:\\x",
    "model.safetensors",
    "config.json",
    "<script>alert(1)</script>",
    '"><svg onload=x>',
  ],
  ...[
    "F64",
    "F16",
    "BF16",
    "I64",
    "F4",
    "C64",
    "BOOL",
    "NaN",
    "null",
    "(",
    "[",
    "\\",
    "(a+)+$",
    "\\p{L}",
    "x".repeat(300),
  ],
].map((text) => JSON.stringify(text));
const others = [
  "null",
  "true",
  "false",
  "{}",
  "[]",
  "[[]]",
  "[0,0]",
  '{"a":{}}',
  '{"__proto__":{"polluted":1}}',
  "NaN",
];
const keys = ["__proto__", "constructor", "toString", "length", "", "shape", "type", "x".repeat(300)];

/** Raw JSON texts stand in a value as marked strings until it is written. */
const mark = "\ue000raw ";

/** Changes one node of a JSON text; one byte where it is none. */
function mutateJson(bytes: Uint8Array, words: readonly string[], random: Random): Uint8Array {
  const text = decoder.decode(bytes);
  let root: { "": unknown };
  try {
    root = { "": JSON.parse(text) };
  } catch {
    return mutateBytes(bytes, words, random);
  }
  const nodes = nodesOf(root);
  const { holder, key } = pick(random, nodes);
  const raw = rawValue(words, random);
  const chance = random.uniform();
  if (chance < 0.45) put(holder, key, mark);
  else if (chance < 0.6) put(holder, key, pick(random, nodes).value);
  else if (chance < 0.72) remove(holder, key);
  else if (chance < 0.85) add(pick(random, nodes).value, random);
  else if (chance < 0.95) put(holder, key, edited(holder[key], random) ?? mark);
  else rename(holder, key, pick(random, keys));
  try {
    return encoder.encode((JSON.stringify(root[""]) ?? "").replaceAll(JSON.stringify(mark), () => raw));
  } catch {
    // A node that now holds itself, or is nested too deep to be written.
    return mutateBytes(bytes, words, random);
  }
}

type Holder = Record<string, unknown>;

/** Every value, with what holds it. Of very many, the first ones. */
function nodesOf(root: object): { holder: Holder; key: string; value: unknown }[] {
  const nodes: { holder: Holder; key: string; value: unknown }[] = [];
  const open: object[] = [root];
  while (open.length > 0 && nodes.length < 20_000) {
    const holder = open.pop() as Holder;
    for (const key of Object.keys(holder)) {
      const value = holder[key];
      nodes.push({ holder, key, value });
      if (value !== null && typeof value === "object") open.push(value);
    }
  }
  return nodes;
}

function rawValue(words: readonly string[], random: Random): string {
  const chance = random.uniform();
  if (chance < 0.35) return pick(random, numbers);
  if (chance < 0.55) return pick(random, strings);
  if (chance < 0.7) return pick(random, others);
  if (chance < 0.97) return pick(random, words);
  const depth = pick(random, [10, 1000, 20_000]);
  const [open, close] = pick(random, [
    ["[", "]"],
    ['{"a":', "}"],
  ]);
  return `${open.repeat(depth)}0${close.repeat(depth)}`;
}

function put(holder: Holder, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function remove(holder: Holder, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

function add(value: unknown, random: Random): void {
  if (Array.isArray(value)) value.splice(below(random, value.length + 1), 0, mark);
  else if (value !== null && typeof value === "object") put(value as Holder, pick(random, keys), mark);
}

function rename(holder: Holder, key: string, name: string): void {
  const value = holder[key];
  remove(holder, key);
  put(holder, Array.isArray(holder) ? String(holder.length) : name, value);
}

/** The same a little different; undefined where there is nothing to edit. */
function edited(value: unknown, random: Random): unknown {
  if (typeof value === "number") return pick(random, [value + 1, value - 1, 2 * value, value / 2, -value, value * 1e6]);
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") {
    const at = below(random, value.length + 1);
    return pick(random, [
      value.slice(0, at) + value.slice(at + 1),
      value.slice(0, at) + JSON.parse(pick(random, strings)) + value.slice(at),
      value.toUpperCase(),
      value + value,
    ]);
  }
  if (Array.isArray(value)) return pick(random, [[...value].reverse(), [...value, ...value], value.slice(1)]);
  return undefined;
}

// -- bytes

const bytesOfInterest = [...'\0\n "\\{}[]:,-+.0123456789eEtnfu', "\x7f", "\xff", "\xc0", "\xed"].map((c) =>
  c.charCodeAt(0),
);

export function mutateBytes(bytes: Uint8Array, words: readonly string[], random: Random): Uint8Array {
  const at = below(random, bytes.length + 1);
  const span = Math.min(bytes.length - at, below(random, 2 ** below(random, 9)));
  const chance = random.uniform();
  if (chance < 0.2) return replaced(bytes, at, 1, [(bytes[at] ?? 0) ^ (1 << below(random, 8))]);
  if (chance < 0.4) return replaced(bytes, at, 1, [pick(random, bytesOfInterest)]);
  if (chance < 0.55) return replaced(bytes, at, span, []);
  if (chance < 0.65) return replaced(bytes, at, 0, bytes.subarray(at, at + span));
  if (chance < 0.75) return replaced(bytes, at, span, encoder.encode(pick(random, words)));
  if (chance < 0.85) return replaced(bytes, at, 0, [pick(random, bytesOfInterest)]);
  if (chance < 0.93) return bytes.slice(0, at);
  if (chance < 0.97)
    return replaced(
      bytes,
      at,
      span,
      Array.from({ length: span }, () => below(random, 256)),
    );
  const times = pick(random, [10, 100, 1000]);
  const part = bytes.subarray(at, at + Math.min(span, 64));
  return replaced(
    bytes,
    at,
    0,
    Uint8Array.from({ length: times * part.length }, (_, i) => part[i % part.length]),
  );
}

function replaced(bytes: Uint8Array, at: number, span: number, by: ArrayLike<number>): Uint8Array {
  const after = bytes.subarray(at + span);
  const whole = new Uint8Array(at + by.length + after.length);
  whole.set(bytes.subarray(0, at));
  whole.set(by, at);
  whole.set(after, at + by.length);
  return whole;
}

// -- safetensors

const lengthsOfInterest = [0n, 1n, 7n, 100_000_000n, 100_000_001n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
/** NaN, infinities, the largest number, subnormals and zeros, as little-endian words of 16 bits. */
const wordsOfInterest = [
  0x7fc0, 0x7f80, 0xff80, 0x7f7f, 0x7c00, 0xfc00, 0x7bff, 0x0001, 0x8000, 0x0000, 0xffff, 0x7ff8,
];

/** Of its header (kept in step with its length, mostly), of the length alone, or of its data. */
function mutateSafetensors(bytes: Uint8Array, words: readonly string[], random: Random): Uint8Array {
  if (bytes.length < 8) return mutateBytes(bytes, words, random);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = Math.min(Number(view.getBigUint64(0, true)), bytes.length - 8);
  const header = bytes.subarray(8, 8 + length);
  const data = bytes.subarray(8 + length);
  const chance = random.uniform();
  if (chance < 0.55) return joined(mutateJson(header, words, random), data, random);
  if (chance < 0.65) return joined(mutateBytes(header, words, random), data, random);
  if (chance < 0.72) {
    const mutated = bytes.slice();
    const near = BigInt(length + below(random, 9) - 4);
    const announced = random.uniform() < 0.5 ? pick(random, lengthsOfInterest) : BigInt.asUintN(64, near);
    new DataView(mutated.buffer).setBigUint64(0, announced, true);
    return mutated;
  }
  if (chance < 0.8 || data.length < 8) {
    const longer = random.uniform() < 0.5;
    const kept = data.subarray(0, below(random, data.length + 1));
    return joined(header, longer ? Uint8Array.from([...data, ...kept.subarray(0, 64)]) : kept, random, true);
  }
  const mutated = data.slice();
  const to = new DataView(mutated.buffer);
  for (let i = below(random, 8); i >= 0; i--) {
    to.setUint16(2 * below(random, mutated.length >> 1), pick(random, wordsOfInterest), true);
  }
  return joined(header, mutated, random, true);
}

function joined(header: Uint8Array, data: Uint8Array, random: Random, inStep = random.uniform() < 0.9): Uint8Array {
  const whole = new Uint8Array(8 + header.length + data.length);
  const off = inStep ? 0 : below(random, 17) - 8;
  new DataView(whole.buffer).setBigUint64(0, BigInt(Math.max(0, header.length + off)), true);
  whole.set(header, 8);
  whole.set(data, 8 + header.length);
  return whole;
}
