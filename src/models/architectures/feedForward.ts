// The feed-forward part of a layer.

import type { Activation } from "../../layers/activation.js";
import type { FeedForwardSpec } from "../../layers/feedForward.js";
import type { WeightSource } from "../forward/weights.js";
import { activations } from "./activations.js";
import type { Read } from "./architecture.js";
import { branchScaleOf } from "./branchScale.js";
import type { ConfigFile } from "./config.js";
import type { Family } from "./family.js";
import { linear, rowsBetween } from "./modules.js";
import { of } from "./of.js";

/** The feed-forward part of the layer whose tensors' names begin with `prefix`. */
export function feedForwardOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  width: number,
  prefix: string,
): Read<FeedForwardSpec> {
  const [gateName, upName, downName] = of(family.feedForward, config).map((name) => name && prefix + name) as [
    string | undefined,
    string,
    string,
  ];
  const fused = gateName === upName;
  const inner = innerOf(config, weights, family, width, upName, fused);
  const bias = family.bias?.(config, "inner");
  const { transposed } = family;
  const outward = { dIn: width, dOut: inner, bias, transposed };
  const both = fused
    ? linear(weights, { ...outward, name: upName, dOut: 2 * inner }, [
        { rows: rowsBetween(0, inner) },
        { rows: rowsBetween(inner, 2 * inner) },
      ])
    : undefined;
  const gate = gateName && !fused ? linear(weights, { ...outward, name: gateName }) : undefined;
  const up = fused ? undefined : linear(weights, { ...outward, name: upName });
  const down = linear(weights, { name: downName, dIn: inner, dOut: width, bias, transposed });
  const activation = activationOf(config, weights, family, prefix);
  const branchScale = branchScaleOf(config, weights, family, width, prefix, 1);
  return async () => {
    const spec = { down: await branchScale(await down()), activation: await activation() };
    if (!both) return { ...spec, up: await up!(), ...(gate ? { gate: await gate() } : {}) };
    const [first, second] = await both();
    return family.upFirst ? { ...spec, gate: second, up: first } : { ...spec, gate: first, up: second };
  };
}

/** From its key, its rule, or else from the tensor's shape. */
function innerOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  width: number,
  up: string,
  fused: boolean,
): number {
  const { keys = ["intermediate_size"], absent } = family.inner ?? {};
  if (keys.length === 0 && absent) return absent(width, config);
  const key = config.name(keys);
  const given = (config.value(key) ?? undefined) !== undefined;
  const shape = weights.shape(`${up}.weight`);
  if (given || absent || !shape || shape.length !== 2) return config.count(key, absent?.(width, config));
  const outputs = family.transposed ? shape[1] : shape[0];
  return fused ? Math.floor(outputs / 2) : outputs;
}

/** The activation of a layer. */
export function activationOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  prefix: string,
): Read<Activation> {
  const { key, absent } = of(family.activation, config);
  if (family.xielu && (!key || config.oneOf(key, { ...activations, xielu: "xielu" }, absent) === "xielu")) {
    return xielu(weights, prefix + family.xielu);
  }
  const known = { ...activations, ...family.activations };
  const activation = key ? config.oneOf(key, known, absent) : known[absent];
  return async () => activation;
}

/** xIELU (arXiv 2411.13010), whose numbers are tensors of the layer. */
function xielu(weights: WeightSource, name: string): Read<Activation> {
  const part = (key: string) => {
    weights.require(`${name}.${key}`, weights.shape(`${name}.${key}`)?.length === 0 ? [] : [1]);
    return async () => (await weights.tensor(`${name}.${key}`)).data[0];
  };
  const parts = ["alpha_p", "alpha_n", "beta", "eps"].map(part);
  return async () => {
    const [positive, negative, beta, epsilon] = await Promise.all(parts.map((read) => read()));
    return { kind: "xielu", alphaP: softplus(positive), alphaN: beta + softplus(negative), beta, epsilon };
  };
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
