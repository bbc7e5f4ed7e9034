// One step of each of several Krylov spaces over one layer: the products with the weights, which few tokens alone
// would have to wait for, are one product for all of them. Every number is the same as in `bidiagonalize`.
import { NR, ROW, WORD } from "../base/simd";
import { multiply } from "../matrix/gemm";
import { Krylov } from "../spectral";
import { orthonormalize, vector } from "../vectors";
import { rotate } from "./channels";
import { headGradients, headTangents } from "./jacobian";
import { Layer } from "./layer";

/** Spaces that agree in their layer and in `transposed`. */
@unmanaged export class Lockstep {
  /** Pointers (u32) to the spaces, and the numbers (u32) of their steps. */
  spaces: usize;
  steps: usize;
  count: i32;
  /** Panels of all inputs together, which lie one after the other in what follows. */
  panels: i32;
  from: usize;
  to: usize;
  channels: usize;
  /** The heads' outputs. */
  outputs: usize;
}

// @ts-ignore: decorator
@inline
function spaceAt(t: Lockstep, i: i32): Krylov {
  return changetype<Krylov>(<usize>load<u32>(t.spaces + (<usize>i << 2)));
}

// @ts-ignore: decorator
@inline
function stepAt(t: Lockstep, i: i32): i32 {
  return load<i32>(t.steps + (<usize>i << 2));
}

export function bidiagonalizeAll(t: Lockstep): void {
  const transposed = spaceAt(t, 0).transposed != 0;
  gather(t, false);
  if (transposed) vjpAll(t);
  else jvpAll(t);
  scatter(t, true);
  for (let i = 0; i < t.count; i++) {
    const s = spaceAt(t, i), k = stepAt(t, i);
    s.alpha = orthonormalize(s.range, s.us, k, k > 0 ? s.beta : 0, vector(s.us, k), s.coefficients);
  }
  gather(t, true);
  if (transposed) jvpAll(t);
  else vjpAll(t);
  scatter(t, false);
  for (let i = 0; i < t.count; i++) {
    const s = spaceAt(t, i), k = stepAt(t, i);
    s.beta = orthonormalize(s.domain, s.vs, k + 1, s.alpha, vector(s.vs, k + 1), s.coefficients);
  }
}

/** The latest vectors of the range, or of the domain, next to each other. */
function gather(t: Lockstep, range: bool): void {
  let at = t.from;
  for (let i = 0; i < t.count; i++) {
    const s = spaceAt(t, i), k = stepAt(t, i);
    const bytes = <usize>(range ? s.range : s.domain) * WORD;
    memory.copy(at, range ? vector(s.us, k) : vector(s.vs, k), bytes);
    at += bytes;
  }
}

/** The results to where each space has its new vector of the range, or of the domain. */
function scatter(t: Lockstep, range: bool): void {
  let at = t.to;
  for (let i = 0; i < t.count; i++) {
    const s = spaceAt(t, i), k = stepAt(t, i);
    const bytes = <usize>(range ? s.range : s.domain) * WORD;
    memory.copy(range ? vector(s.us, k) : vector(s.vs, k + 1), at, bytes);
    at += bytes;
  }
}

function jvpAll(t: Lockstep): void {
  const l = spaceAt(t, 0).primal.layer;
  const width = l.heads * l.dValue;
  multiplyAll(t, l.channels, l.dIn, l.project, t.from, t.channels);
  eachInput(t, l, 0, false);
  if (l.output) multiplyAll(t, l.dOut, width, l.output, t.outputs, t.to);
  else memory.copy(t.to, t.outputs, <usize>(t.panels * width) * ROW);
}

function vjpAll(t: Lockstep): void {
  const l = spaceAt(t, 0).primal.layer;
  const width = l.heads * l.dValue;
  if (l.outputBack) multiplyAll(t, width, l.dOut, l.outputBack, t.from, t.outputs);
  eachInput(t, l, l.outputBack ? t.outputs : t.from, true);
  multiplyAll(t, l.dIn, l.channels, l.projectBack, t.channels, t.to);
}

function multiplyAll(t: Lockstep, m: i32, k: i32, a: usize, b: usize, c: usize): void {
  multiply(m, t.panels * NR, k, a, b, <usize>k * ROW, c, ROW, <usize>m * ROW, false);
}

/** What is between the weights, input by input, on its part of the panels in place of its own work space. */
function eachInput(t: Lockstep, l: Layer, gO: usize, back: bool): void {
  const channelBytes = <usize>l.channels * ROW, outputBytes = <usize>(l.heads * l.dValue) * ROW;
  let channels = t.channels, outputs = t.outputs;
  for (let i = 0; i < t.count; i++) {
    const s = spaceAt(t, i).primal;
    const dqkv = s.dqkv, dO = s.dO;
    s.dqkv = channels;
    s.dO = outputs;
    if (back) headGradients(s, gO);
    if (s.cos) rotate(s, channels, 0, l.heads + l.kvHeads, back);
    if (!back) headTangents(s);
    s.dqkv = dqkv;
    s.dO = dO;
    channels += <usize>s.panels * channelBytes;
    outputs += <usize>s.panels * outputBytes;
    gO += <usize>s.panels * outputBytes;
  }
}
