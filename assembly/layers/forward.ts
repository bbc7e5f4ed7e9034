// The other layers of a Transformer block, on row-major tokens [n, d] (MATH 3).
import { erfc, sigmoid } from "../base/math";
import { LANES, splat, WORD } from "../base/simd";

/** y = gain·(x − mean)/√(var + eps) + bias for every token; in place is allowed. bias may be 0. */
export function layerNorm(n: i32, d: i32, x: usize, gain: usize, bias: usize, eps: f64, y: usize): void {
  const row = <usize>d * WORD;
  for (let i = 0; i < n; i++) {
    let mean: f64 = 0;
    for (let c: usize = 0; c < row; c += WORD) mean += <f64>load<Real>(x + c);
    mean /= <f64>d;
    let variance: f64 = 0;
    for (let c: usize = 0; c < row; c += WORD) {
      const centred = <f64>load<Real>(x + c) - mean;
      variance += centred * centred;
    }
    const factor = 1.0 / Math.sqrt(variance / <f64>d + eps);
    for (let c: usize = 0; c < row; c += WORD) {
      const z = (<f64>load<Real>(x + c) - mean) * factor * <f64>load<Real>(gain + c);
      store<Real>(y + c, <Real>(bias ? z + <f64>load<Real>(bias + c) : z));
    }
    x += row;
    y += row;
  }
}

/** y = gain·x/√(mean x² + eps) for every token; in place is allowed. */
export function rmsNorm(n: i32, d: i32, x: usize, gain: usize, eps: f64, y: usize): void {
  const row = <usize>d * WORD;
  for (let i = 0; i < n; i++) {
    let squares: f64 = 0;
    for (let c: usize = 0; c < row; c += WORD) {
      const value = <f64>load<Real>(x + c);
      squares += value * value;
    }
    const factor = 1.0 / Math.sqrt(squares / <f64>d + eps);
    for (let c: usize = 0; c < row; c += WORD) {
      store<Real>(y + c, <Real>(<f64>load<Real>(x + c) * factor * <f64>load<Real>(gain + c)));
    }
    x += row;
    y += row;
  }
}

/** x·Φ(x), in place over `count` numbers; through erfc, so that the left tail keeps its digits. */
export function geluErf(count: i32, x: usize): void {
  for (let i = 0; i < count; i++) {
    const value = <f64>load<Real>(x);
    store<Real>(x, <Real>(0.5 * value * erfc(-value * 0.7071067811865476)));
    x += WORD;
  }
}

/** x·(1 + tanh w)/2 with w = √(2/π)(x + 0.044715 x³), in place; (1 + tanh w)/2 is the sigmoid of 2w. */
export function geluTanh(count: i32, x: usize): void {
  const linear = splat(1.5957691216057308 as Real), cubic = splat(0.07135481627159744 as Real);
  for (let i = 0; i < count; i += LANES) {
    const value = v128.load(x);
    const square = v128.mul<Real>(value, value);
    const w = v128.mul<Real>(value, v128.add<Real>(linear, v128.mul<Real>(cubic, square)));
    v128.store(x, v128.mul<Real>(value, sigmoid(w)));
    x += 16;
  }
}

/** x·sigmoid(x), in place. */
export function silu(count: i32, x: usize): void {
  for (let i = 0; i < count; i += LANES) {
    const value = v128.load(x);
    v128.store(x, v128.mul<Real>(value, sigmoid(value)));
    x += 16;
  }
}
