// Products with the Jacobians of one layer at several inputs: those with the weights, which few tokens alone would have
// to wait for, are one product for all of them. Every number is the same as in `jvp` and `vjp`.
import { NR, ROW } from "../base/simd";
import { multiply } from "../matrix/gemm";
import { vector } from "../vectors";
import { pullShape, shapeTangents } from "./between";
import { gateTangents, pullGate } from "./gate";
import { headGradients, headTangents } from "./jacobian";
import { Layer } from "./layer";
import { Primal } from "./primal";

/** Primals that agree in their layer. */
@unmanaged export class Lockstep {
  /** Pointers (u32) to the primals, and to the vector that each is applied to, and the one that each product goes to. */
  primals: usize;
  from: usize;
  to: usize;
  count: i32;
  /** Panels of all inputs together, which lie one after the other in what follows. */
  panels: i32;
  gathered: usize;
  products: usize;
  channels: usize;
  /** The heads' outputs. */
  outputs: usize;
}

// @ts-ignore: decorator
@inline
function primalAt(t: Lockstep, i: i32): Primal {
  return changetype<Primal>(vector(t.primals, i));
}

/** to = J from, for each. */
export function jvpAll(t: Lockstep): void {
  const l = primalAt(t, 0).layer;
  const width = l.heads * l.dValue;
  gather(t, l.dIn);
  multiplyAll(t, l.channels, l.dIn, l.project, t.gathered, t.channels);
  eachInput(t, l, 0, false);
  if (l.output) multiplyAll(t, l.dOut, width, l.output, t.outputs, t.products);
  scatter(t, l.dOut, l.output ? t.products : t.outputs);
}

/** to = Jᵀ from, for each. */
export function vjpAll(t: Lockstep): void {
  const l = primalAt(t, 0).layer;
  gather(t, l.dOut);
  if (l.outputBack) multiplyAll(t, l.heads * l.dValue, l.dOut, l.outputBack, t.gathered, t.outputs);
  eachInput(t, l, l.outputBack ? t.outputs : t.gathered, true);
  multiplyAll(t, l.dIn, l.channels, l.projectBack, t.channels, t.products);
  scatter(t, l.dIn, t.products);
}

function gather(t: Lockstep, width: i32): void {
  let at = t.gathered;
  for (let i = 0; i < t.count; i++) {
    const bytes = <usize>(primalAt(t, i).panels * width) * ROW;
    memory.copy(at, vector(t.from, i), bytes);
    at += bytes;
  }
}

function scatter(t: Lockstep, width: i32, at: usize): void {
  for (let i = 0; i < t.count; i++) {
    const bytes = <usize>(primalAt(t, i).panels * width) * ROW;
    memory.copy(vector(t.to, i), at, bytes);
    at += bytes;
  }
}

function multiplyAll(t: Lockstep, m: i32, k: i32, a: usize, b: usize, c: usize): void {
  multiply(m, t.panels * NR, k, a, b, <usize>k * ROW, c, ROW, <usize>m * ROW, false);
}

/** What is between the weights, input by input, on its part of the panels in place of its own work space. */
function eachInput(t: Lockstep, l: Layer, gO: usize, back: bool): void {
  const channelBytes = <usize>l.channels * ROW, outputBytes = <usize>(l.heads * l.dValue) * ROW;
  let channels = t.channels, outputs = t.outputs;
  for (let i = 0; i < t.count; i++) {
    const s = primalAt(t, i);
    const dqkv = s.dqkv, dO = s.dO;
    s.dqkv = channels;
    s.dO = outputs;
    if (back) {
      if (l.gateWidth) pullGate(s, gO);
      headGradients(s, l.gateWidth ? outputs : gO);
      pullShape(s, channels);
    } else {
      shapeTangents(s, channels);
      headTangents(s);
      if (l.gateWidth) gateTangents(s);
    }
    s.dqkv = dqkv;
    s.dO = dO;
    channels += <usize>s.panels * channelBytes;
    outputs += <usize>s.panels * outputBytes;
    gO += <usize>s.panels * outputBytes;
  }
}
