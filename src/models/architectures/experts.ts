// Mixtures of experts as families describe them, and their weights.
import { type Tensor, tensor } from "../../base/tensor.js";
import type { FeedForwardSpec } from "../../layers/feedForward.js";
import type { Linear } from "../../layers/linear.js";
import { transpose } from "../forward/matrix.js";
import type { Experts } from "../forward/mixtureSpec.js";
import type { WeightSource } from "../forward/weights.js";
import type { Read } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { linear, scaledLinear } from "./modules.js";

type Names = readonly [gate: string, up: string, down: string];

/** How a family's router chooses experts, and what they are. */
export interface ExpertsRule {
  readonly router: string;
  /** Experts of a token: default of num_experts_per_tok. */
  readonly chosen: number;
  /** Whether weights are a softmax over the chosen experts, or over all. */
  readonly overChosen: (config: ConfigFile) => boolean;
  /** Prefix of the tensors of one expert, with {} for its number, and the names of its maps. */
  readonly each?: { readonly prefix: string; readonly names: Names };
  /** Or two tensors of all experts: gate and up [experts, 2·inner, width], and down [experts, width, inner]. */
  readonly stacked?: { readonly both: string; readonly down: string };
  /** An expert of all tokens, whose weight is the sigmoid of a map to one number. */
  readonly shared?: { readonly prefix: string; readonly names: Names; readonly gate: string };
}

/** The experts of the layer whose tensors' names begin with `path`. */
export function expertsOf(
  config: ConfigFile,
  weights: WeightSource,
  rule: ExpertsRule,
  width: number,
  path: string,
  activation: Read<FeedForwardSpec["activation"]>,
  /** On what the experts give. */
  residual = 1,
): Read<Experts> {
  const key = config.name(["num_local_experts", "num_experts"]);
  const count = config.count(key, weights.shape(`${path}${rule.router}.weight`)?.[0]);
  const chosen = config.count("num_experts_per_tok", rule.chosen);
  if (chosen > count) throw config.wrong("num_experts_per_tok", `at most ${key} = ${count}`, chosen);
  const router = linear(weights, { name: path + rule.router, dIn: width, dOut: count });
  const { each, stacked } = rule;
  const experts = stacked
    ? stackedExperts(weights, path, stacked, count, width, residual, activation)
    : Array.from({ length: count }, (_, e) =>
        expertOf(weights, path + each!.prefix.replace("{}", String(e)), each!.names, width, activation),
      );
  const shared = rule.shared && expertOf(weights, path + rule.shared.prefix, rule.shared.names, width, activation);
  const gate = rule.shared && linear(weights, { name: path + rule.shared.gate, dIn: width, dOut: 1 });
  const overChosen = rule.overChosen(config);
  return async () => ({
    mixture: { router: await router(), chosen, overChosen, width, experts: count, expert: (e) => experts[e]() },
    ...(shared && gate ? { shared: { expert: await shared(), gate: await gate() } } : {}),
  });
}

function expertOf(
  weights: WeightSource,
  prefix: string,
  names: Names,
  width: number,
  activation: Read<FeedForwardSpec["activation"]>,
): Read<FeedForwardSpec> {
  const inner = weights.shape(`${prefix}${names[1]}.weight`)?.[0] ?? 1;
  const outward = (name: string) => linear(weights, { name: prefix + name, dIn: width, dOut: inner });
  const [gate, up] = [outward(names[0]), outward(names[1])];
  const down = linear(weights, { name: prefix + names[2], dIn: inner, dOut: width });
  return async () => ({ gate: await gate(), up: await up(), down: await down(), activation: await activation() });
}

/** Experts in two tensors, each read whole once and cut. */
function stackedExperts(
  weights: WeightSource,
  path: string,
  names: NonNullable<ExpertsRule["stacked"]>,
  count: number,
  width: number,
  residual: number,
  activation: Read<FeedForwardSpec["activation"]>,
): Read<FeedForwardSpec>[] {
  const [both, down] = [`${path}${names.both}.weight`, `${path}${names.down}.weight`];
  const inner = weights.shape(down)?.[2] ?? 1;
  weights.require(both, [count, 2 * inner, width]);
  weights.require(down, [count, width, inner]);
  let reading: Promise<[Tensor, Tensor]> | undefined;
  const whole = () => {
    reading ??= Promise.all([weights.tensor(both), weights.tensor(down)]);
    return reading;
  };
  return Array.from({ length: count }, (_, e) => async () => {
    const [first, last] = await whole();
    const rows = ({ data }: Tensor, from: number, outputs: number, inputs: number): Linear => {
      const part = data.subarray(from * inputs, (from + outputs) * inputs);
      return { weight: transpose(tensor(part, [outputs, inputs])) };
    };
    const out = rows(last, e * width, width, inner);
    return {
      gate: rows(first, 2 * e * inner, inner, width),
      up: rows(first, (2 * e + 1) * inner, inner, width),
      down: residual === 1 ? out : scaledLinear(out, residual),
      activation: await activation(),
    };
  });
}
