// The activations: what each is called, and how steep it can be. Their values and derivatives are in
// assembly/layers/functions.ts, in the same order, and for WebGPU in WGSL.
import { checkKeys, checkNumber, checkOneOf, wrongKind } from "../base/check.js";

/** The largest |f′| of each: its Lipschitz constant, rounded up. */
const steepest = {
  gelu: 1.1289041451851549,
  "gelu-tanh": 1.128993068658772,
  "quick-gelu": 1.099839320128867,
  silu: 1.099839320128867,
  relu: 1,
  relu2: Number.POSITIVE_INFINITY,
  relu6: 1,
  tanh: 1,
  mish: 1.088498161251728,
  sigmoid: 0.25,
  "gelu-10": 1.1289041451851549,
  laplace: 1.4142125184828966,
} as const;

/**
 * A function of one number, applied to every element: "gelu" is x·Φ(x), "gelu-tanh" its approximation by tanh,
 * "quick-gelu" x·sigmoid(1.702 x), "silu" x·sigmoid(x), "relu2" relu(x)², "relu6" relu(x) up to 6, "mish"
 * x·tanh(log(1 + eˣ)), "gelu-10" gelu up to 10, "laplace"
 * Φ((x − 0.707107)/0.282095); or an activation with numbers of its own.
 */
export type Activation = keyof typeof steepest | Xielu;

/** alphaP·x² + beta·x for x > 0, else alphaN·(exp(min(x, epsilon)) − 1 − x) + beta·x: arXiv 2411.13010. */
export interface Xielu {
  kind: "xielu";
  alphaP: number;
  alphaN: number;
  beta: number;
  /** Not positive. */
  epsilon: number;
}

export interface ResolvedActivation {
  readonly kind: keyof typeof steepest | "xielu";
  /** Its place in the kernels' table. */
  readonly index: number;
  /** What an activation with numbers has. */
  readonly numbers: readonly number[];
  /** The largest |f′|. */
  readonly steepest: number;
}

const kinds = Object.keys(steepest) as (keyof typeof steepest)[];

/** @throws TypeError for a wrong kind, RangeError for an activation that is not known */
export function resolveActivation(label: string, activation: unknown): ResolvedActivation {
  if (typeof activation === "string") {
    const kind = checkOneOf(label, activation, kinds);
    return { kind, index: 1 + kinds.indexOf(kind), numbers: [], steepest: steepest[kind] };
  }
  if (typeof activation !== "object" || activation === null) {
    throw wrongKind(label, "the name of an activation, or xielu with its numbers", activation);
  }
  checkKeys(label, activation, ["kind", "alphaP", "alphaN", "beta", "epsilon"]);
  const { kind, ...given } = activation as Xielu;
  checkOneOf(`${label}.kind`, kind, ["xielu"]);
  const number = (key: Exclude<keyof Xielu, "kind">, most: number) =>
    checkNumber(`${label}.${key}`, given[key], Number.NEGATIVE_INFINITY, most);
  const [alphaP, alphaN, beta] = (["alphaP", "alphaN", "beta"] as const).map((key) =>
    number(key, Number.POSITIVE_INFINITY),
  );
  const epsilon = number("epsilon", Number.MIN_VALUE);
  // Without bound where x² is there; else the slope lies between those far left, beta − alphaN, and next to 0, beta.
  const bound = alphaP === 0 ? Math.max(Math.abs(beta), Math.abs(beta - alphaN)) : Number.POSITIVE_INFINITY;
  return { kind, index: 0, numbers: [alphaP, alphaN, beta, epsilon], steepest: bound };
}
