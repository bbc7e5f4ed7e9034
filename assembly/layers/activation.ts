// An activation of tokens in panels, at one input: what its derivatives need is f′(x) and f″(x), number by number.
import { PAIR, read, write } from "../base/doubles";
import { ROW } from "../base/simd";
import { curve, slope, valueOf } from "./functions";
import { clearRest, panelEnd, panelStart } from "./panels";

@unmanaged export class Activation {
  /** Its place in the table (functions.ts). */
  kind: i32;
  n: i32;
  d: i32;
  /** Where f′(x) and f″(x) go, in panels, or 0. */
  slope: usize;
  curve: usize;
  /** Numbers of the few activations that have some. */
  a: f64;
  b: f64;
  c: f64;
  e: f64;
}

/** y = f(x); in place is allowed. */
export function activate(s: Activation, x: usize, y: usize): void {
  const row = <usize>s.d * ROW;
  const numbers = changetype<usize>(s) + offsetof<Activation>("a");
  const end = <usize>panelEnd(s.n) * row;
  for (let at = <usize>panelStart(s.n) * row; at < end; at += PAIR) {
    write(y + at, valueOf(s.kind, numbers, read(x + at)));
    if (s.slope) write(s.slope + at, slope);
    if (s.curve) write(s.curve + at, curve);
  }
  clearRest(s.n, s.d, y);
}
