// The ways in which rotary positions are stretched over a longer context (transformers' modeling_rope_utils).

/** What a type of scaling reads. */
export interface Scaling {
  readonly type: "default" | "linear" | "dynamic" | "llama3" | "yarn" | "longrope";
  readonly theta: number;
  /** Exponents of theta, one a pair: the frequency of pair c is theta^(−exponents[c]). */
  readonly exponents: readonly number[];
  /** The length of the context that was trained first. */
  readonly original: number;
  /** The length of the context of config.json. */
  readonly context: number;
  readonly factor: number;
  /** A further key that must be a number above 0; `fallback` where it is absent. */
  number(key: string, fallback?: number): number;
  /** A further key that holds one number above 0 for each pair. */
  list(key: string): readonly number[];
  flag(key: string, fallback: boolean): boolean;
  has(key: string): boolean;
}

/** Angles a position, [pairs], of a sequence of `tokens`. */
export function frequencies(scaling: Scaling, tokens: number): number[] {
  const { type, exponents, original, factor } = scaling;
  const turning = (theta: number) => exponents.map((exponent) => theta ** -exponent);
  const plain = turning(scaling.theta);
  if (type === "linear") return plain.map((frequency) => frequency / factor);
  if (type === "dynamic") return turning(scaling.theta * dynamicGrowth(scaling, tokens));
  if (type === "llama3") {
    return blend(plain, factor, original, scaling.number("low_freq_factor"), scaling.number("high_freq_factor"));
  }
  if (type === "yarn") return yarn(scaling, plain);
  if (type === "longrope") {
    const divisors = scaling.list(tokens > original ? "long_factor" : "short_factor");
    return plain.map((frequency, c) => frequency / divisors[c]);
  }
  return plain;
}

/** Sequences whose number is the same have the same frequencies. */
export function regime({ type, original, context, has }: Scaling, tokens: number): number {
  if (type === "longrope") return tokens > original ? 1 : 0;
  return type === "dynamic" && !has("alpha") && tokens > context ? tokens : 0;
}

/** The factor on cosine and sine, which makes the scores of the rotated channels its square times as large. */
export function attentionFactor({ type, factor, original, number, has }: Scaling): number {
  if (type !== "yarn" && type !== "longrope") return 1;
  if (has("attention_factor")) return number("attention_factor");
  if (type === "longrope") return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const both = has("mscale") && has("mscale_all_dim");
  return both
    ? yarnScale(factor, number("mscale")) / yarnScale(factor, number("mscale_all_dim"))
    : yarnScale(factor, 1);
}

/** YaRN's m(s) = 0.1·s·ln(factor) + 1. */
export function yarnScale(factor: number, s: number): number {
  return factor <= 1 ? 1 : 0.1 * s * Math.log(factor) + 1;
}

/** The base grows with the length beyond the context (NTK), or by a fixed alpha. */
function dynamicGrowth({ exponents, factor, context, number, has }: Scaling, tokens: number): number {
  const rotated = 2 * exponents.length;
  if (has("alpha")) return number("alpha") ** (rotated / (rotated - 2));
  if (tokens <= context) return 1;
  return ((factor * tokens) / context - (factor - 1)) ** (rotated / (rotated - 2));
}

/**
 * Llama 3.1's scaling: pairs that turn fewer than `low` times over the original context are slowed by `factor`, those
 * that turn more than `high` times keep their frequency, and in between both are blended.
 */
function blend(frequencies: number[], factor: number, original: number, low: number, high: number): number[] {
  return frequencies.map((frequency) => {
    const turns = (original * frequency) / (2 * Math.PI);
    const kept = Math.min(Math.max((turns - low) / (high - low), 0), 1);
    return kept * frequency + ((1 - kept) * frequency) / factor;
  });
}

/** YaRN (Peng et al. 2023): a ramp over the pairs from kept frequencies to those slowed by `factor`. */
function yarn({ theta, exponents, original, factor, number, flag, has }: Scaling, plain: number[]): number[] {
  const rotated = 2 * exponents.length;
  const pair = (turns: number) => (rotated * Math.log(original / (2 * Math.PI * turns))) / (2 * Math.log(theta));
  const truncate = flag("truncate", true);
  const first = pair(has("beta_fast") ? number("beta_fast") : 32);
  const last = pair(has("beta_slow") ? number("beta_slow") : 1);
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const end = Math.min(truncate ? Math.ceil(last) : last, rotated - 1);
  const high = end === low ? end + 0.001 : end;
  return plain.map((frequency, c) => {
    const slowed = Math.min(Math.max((c - low) / (high - low), 0), 1);
    return (frequency / factor) * slowed + frequency * (1 - slowed);
  });
}
