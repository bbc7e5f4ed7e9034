// Random ragged attention layers with an input, for properties.
import fc from "fast-check";
import { Random } from "../../src/base/random.js";
import { sizeOf, type Tensor, tensor } from "../../src/base/tensor.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { Modifier } from "../../src/layers/attention/modifiers.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";

export interface AttentionCase {
  spec: AttentionSpec;
  n: number;
  dIn: number;
  dOut: number;
  /** [n, dIn] */
  x: Tensor;
  /** A direction [n, dIn] and a cotangent [n, dOut]. */
  u: Tensor;
  g: Tensor;
}

export interface CaseOptions {
  /** Default "dot-product". */
  kind?: "dot-product" | "l2";
  maxTokens?: number;
  maxWidth?: number;
  maxHeads?: number;
  /** What a layer may have beyond scores, mask and rotary positions; each is drawn or not. Default none. */
  modifiers?: readonly Modifier[];
}

/** Every mask, at n tokens. */
export function masks(n: number): fc.Arbitrary<Mask> {
  const reach = fc.oneof(fc.nat(n), fc.constant(Number.POSITIVE_INFINITY));
  const simple = fc.oneof(
    fc.constantFrom<Mask>("none", "causal"),
    fc.record({ window: fc.record({ left: reach, right: reach }) }),
    fc.record({
      chunk: fc.record(
        { size: fc.integer({ min: 1, max: n }), left: fc.nat(2), right: fc.nat(2) },
        { requiredKeys: ["size"] },
      ),
    }),
    fc
      .array(fc.nat(3), { minLength: n * n, maxLength: n * n })
      .map((bits) => ({ allowed: Uint8Array.from(bits, (bit) => (bit > 0 ? 1 : 0)) })),
  );
  return fc.oneof(
    { weight: 4, arbitrary: simple },
    { weight: 1, arbitrary: fc.record({ all: fc.array(simple, { minLength: 1, maxLength: 3 }) }) },
  );
}

/** Layers of every width, grouping, bias, mask and rope, at logits of order one. */
export function attentionCases(options: CaseOptions = {}): fc.Arbitrary<AttentionCase> {
  const { kind = "dot-product", maxTokens = 20, maxWidth = 20, maxHeads = 4, modifiers = [] } = options;
  return fc
    .record({
      n: fc.integer({ min: 1, max: maxTokens }),
      dIn: fc.integer({ min: 1, max: maxWidth }),
      dOut: fc.integer({ min: 1, max: maxWidth }),
      groups: fc.integer({ min: 1, max: maxHeads }),
      headsPerGroup: fc.integer({ min: 1, max: maxHeads }),
      halfHead: fc.integer({ min: 1, max: Math.max(1, Math.floor(maxWidth / 4)) }),
      oddHead: fc.boolean(),
      dValue: fc.integer({ min: 1, max: Math.max(1, Math.floor(maxWidth / 2)) }),
      biases: fc.boolean(),
      outputMap: fc.boolean(),
      rope: fc.constantFrom(undefined, 100, 10000, "partial" as const),
      scale: fc.constantFrom(undefined, 0.3),
      tied: fc.boolean(),
      tiedValue: fc.boolean(),
      seed: fc.nat(),
    })
    .chain((drawn) => masks(drawn.n).map((mask) => attentionCase(kind, { ...drawn, mask, maxHeads, modifiers })));
}

interface Drawn {
  n: number;
  dIn: number;
  dOut: number;
  groups: number;
  headsPerGroup: number;
  halfHead: number;
  oddHead: boolean;
  dValue: number;
  biases: boolean;
  outputMap: boolean;
  /** A base, or some pairs of their own frequencies. */
  rope?: number | "partial";
  scale?: number;
  tied: boolean;
  tiedValue: boolean;
  seed: number;
  mask: Mask;
  maxHeads: number;
  modifiers: readonly Modifier[];
}

function rotations(rope: number | "partial", dHead: number): AttentionSpec["rope"] {
  if (rope !== "partial") return { base: rope };
  return { frequencies: Array.from({ length: Math.ceil(dHead / 4) }, (_, c) => 0.7 / (c + 1)) };
}

function attentionCase(kind: "dot-product" | "l2", drawn: Drawn): AttentionCase {
  const { n, dIn, biases, dValue, mask, scale, maxHeads } = drawn;
  const tied = kind === "l2" && drawn.tied;
  const kvHeads = Math.min(drawn.groups, maxHeads);
  const heads = tied ? kvHeads : kvHeads * Math.min(drawn.headsPerGroup, Math.floor(maxHeads / kvHeads));
  const rotates = kind === "dot-product" && drawn.rope !== undefined;
  const dHead = 2 * drawn.halfHead - (drawn.oddHead && !rotates ? 1 : 0);
  const rope = rotates ? rotations(drawn.rope as number | "partial", dHead) : undefined;
  const tiedValue = tied && drawn.tiedValue;
  const random = new Random(drawn.seed);
  const gaussian = (shape: number[], std: number) =>
    tensor(random.fillGaussian(new Float64Array(sizeOf(shape)), std), shape);
  const linear = (from: number, to: number, bias = biases) => ({
    weight: gaussian([from, to], 1 / Math.sqrt(from)),
    ...(bias ? { bias: gaussian([to], 0.5) } : {}),
  });
  const dOut = drawn.outputMap ? drawn.dOut : heads * dValue;
  const spec: AttentionSpec = {
    kind,
    heads,
    kvHeads,
    query: linear(dIn, heads * dHead, biases && !tiedValue),
    ...(tied ? {} : { key: linear(dIn, kvHeads * dHead) }),
    value: linear(dIn, kvHeads * dValue),
    ...(drawn.outputMap ? { output: linear(heads * dValue, dOut) } : {}),
    ...(tiedValue ? { tiedValue } : {}),
    ...(scale === undefined ? {} : { scale }),
    mask,
    ...(rope ? { rope } : {}),
    ...modified(drawn, { heads, kvHeads, dHead, random, gate: () => linear(dIn, heads * dValue) }),
  };
  return { spec, n, dIn, dOut, x: gaussian([n, dIn], 1.5), u: gaussian([n, dIn], 1), g: gaussian([n, dOut], 1) };
}

interface Parts {
  heads: number;
  kvHeads: number;
  dHead: number;
  random: Random;
  gate: () => NonNullable<AttentionSpec["gate"]>;
}

/** Each of the modifiers with probability 0.7, in one of its forms; a single one always. */
function modified({ n, modifiers }: Drawn, { heads, kvHeads, dHead, random, gate }: Parts): Partial<AttentionSpec> {
  const gaussian = (shape: number[], std: number) =>
    tensor(random.fillGaussian(new Float64Array(sizeOf(shape)), std), shape);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random.uniform() * choices.length)];
  const norm = (count: number): AttentionSpec["queryNorm"] => {
    const shape = pick([[dHead], [count, dHead], [count * dHead]]);
    const kind = dHead > 1 ? pick(["layer", "rms"] as const) : "rms";
    const bias = kind === "layer" && random.uniform() < 0.5 ? { bias: gaussian(shape, 0.3) } : {};
    return { kind, gain: gaussian(shape, 1), ...bias, epsilon: 0.1, afterRope: random.uniform() < 0.3 };
  };
  const biases = (): AttentionSpec["bias"] => {
    const form = pick(["alibi", "slopes", "table", "matrix"]);
    if (form === "alibi") return { alibi: true };
    if (form === "slopes") return { alibi: Array.from(gaussian([heads], 0.3).data) };
    if (form === "matrix") return { matrix: gaussian([pick([1, heads]), n, n], 1) };
    return { table: gaussian([8, heads], 1), maxDistance: 12, bidirectional: random.uniform() < 0.5 };
  };
  const make: { [M in Exclude<Modifier, "angles">]: () => AttentionSpec[M] } = {
    queryNorm: () => norm(heads),
    keyNorm: () => norm(kvHeads),
    softcap: () => 0.5 + random.uniform(),
    bias: biases,
    sinks: () => gaussian([heads], 1),
    gate,
  };
  const drawn = modifiers.filter(() => modifiers.length === 1 || random.uniform() < 0.7);
  return Object.fromEntries(
    drawn.map((name) => {
      if (name !== "angles") return [name, make[name]()];
      const pairs = Math.floor(dHead / 2);
      return ["rope", pairs > 0 ? { angles: gaussian([n, pairs], 1), interleaved: random.uniform() < 0.5 } : undefined];
    }),
  );
}
