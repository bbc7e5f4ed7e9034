// An output gate: the heads' outputs times g = sigmoid(z), z being channels of their own (docs/theory.md, section 14).
import { sigmoid } from "../base/math";
import { ROW, splat } from "../base/simd";
import { shareEnd, shareStart } from "../base/team";
import { gateChannel } from "./layer";
import { Primal } from "./primal";

/** to = g∘o for the heads' outputs o: this member's share. */
export function gateOutputs(s: Primal, o: usize, to: usize): void {
  const bytes = width(s);
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const z = gateRows(s, s.qkv, p), at = <usize>p * bytes;
    for (let row: usize = 0; row < bytes; row += 16) {
      v128.store(to + at + row, v128.mul<Real>(sigmoid(v128.load(z + row)), v128.load(o + at + row)));
    }
  }
}

/** dO ← g∘dO + g′∘dz∘o: this member's share. */
export function gateTangents(s: Primal): void {
  const bytes = width(s);
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const z = gateRows(s, s.qkv, p), dz = gateRows(s, s.dqkv, p);
    const o = s.o + <usize>p * bytes, to = s.dO + <usize>p * bytes;
    for (let row: usize = 0; row < bytes; row += 16) {
      const at = v128.load(z + row), g = sigmoid(at);
      const own = v128.mul<Real>(v128.mul<Real>(slope(g, at), v128.load(dz + row)), v128.load(o + row));
      v128.store(to + row, v128.add<Real>(v128.mul<Real>(g, v128.load(to + row)), own));
    }
  }
}

/** From the gradient of the gated outputs, at `from`: that of z in its channels of dqkv, that of o to dO: this member's share. */
export function pullGate(s: Primal, from: usize): void {
  const bytes = width(s);
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const z = gateRows(s, s.qkv, p), gz = gateRows(s, s.dqkv, p);
    const at = <usize>p * bytes;
    for (let row: usize = 0; row < bytes; row += 16) {
      const x = v128.load(z + row), g = sigmoid(x), pulled = v128.load(from + at + row);
      v128.store(gz + row, v128.mul<Real>(v128.mul<Real>(slope(g, x), v128.load(s.o + at + row)), pulled));
      v128.store(s.dO + at + row, v128.mul<Real>(g, pulled));
    }
  }
}

/**
 * Of ⟨G, g∘dO + g′∘dz∘o⟩, G at `from`, with dO and dz where J u has left them: the gradient of z in its channels at
 * `channels`, that of o, g′∘dz∘G, to `outputs`, and that of dO, g∘G, in place of G.
 */
export function pullGateSecond(s: Primal, from: usize, channels: usize, outputs: usize): void {
  const bytes = width(s);
  const one = splat(1), two = splat(2);
  for (let p = 0; p < s.panels; p++) {
    const z = gateRows(s, s.qkv, p), dz = gateRows(s, s.dqkv, p), gz = gateRows(s, channels, p);
    const at = <usize>p * bytes;
    for (let row: usize = 0; row < bytes; row += 16) {
      const x = v128.load(z + row), g = sigmoid(x), pulled = v128.load(from + at + row);
      const first = slope(g, x), moved = v128.mul<Real>(first, v128.load(dz + row));
      // g″ = g′·(1 − 2g)
      const bend = v128.mul<Real>(v128.sub<Real>(one, v128.mul<Real>(two, g)), moved);
      const curved = v128.mul<Real>(bend, v128.load(s.o + at + row));
      const own = v128.add<Real>(v128.mul<Real>(first, v128.load(s.dO + at + row)), curved);
      v128.store(gz + row, v128.mul<Real>(own, pulled));
      v128.store(outputs + at + row, v128.mul<Real>(moved, pulled));
      v128.store(from + at + row, v128.mul<Real>(g, pulled));
    }
  }
}

// @ts-ignore: decorator
@inline
function width(s: Primal): usize {
  return <usize>(s.layer.heads * s.layer.dValue) * ROW;
}

// @ts-ignore: decorator
@inline
function gateRows(s: Primal, channels: usize, panel: i32): usize {
  return channels + <usize>(panel * s.layer.channels + gateChannel(s.layer)) * ROW;
}

/** g′ = g·(1 − g) of g = sigmoid(z); 1 − g has its digits as sigmoid(−z). */
// @ts-ignore: decorator
@inline
function slope(g: v128, z: v128): v128 {
  return v128.mul<Real>(g, sigmoid(v128.neg<Real>(z)));
}
