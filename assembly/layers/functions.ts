// The table of activations: f, f′ and f″ of each, on two doubles. Both tails keep their digits: what is small is computed
// as such, never as one less something. Their names are in src/layers/activation.ts, in the same order.
import { erfcx, exp, expm1, gaussian, madd } from "../base/doubles";

/** f′(x) and f″(x) of the latest call. */
export let slope: v128 = i64x2.splat(0);
export let curve: v128 = i64x2.splat(0);

/** f(x) for the activation at that place of the table; `numbers` are the f64 of one that has some. */
export function valueOf(kind: i32, numbers: usize, x: v128): v128 {
  switch (kind) {
    case 0: return xielu(x, load<f64>(numbers), load<f64>(numbers, 8), load<f64>(numbers, 16), load<f64>(numbers, 24));
    case 1: return gelu(x);
    case 2: return geluTanh(x);
    case 3: return swish(x, 1.702);
    case 4: return swish(x, 1);
    case 5: return relu(x);
    case 6: return relu2(x);
    case 7: return relu6(x);
    case 8: return tanh(x);
    case 9: return mish(x);
    case 10: return sigmoid(x);
    case 11: return clippedGelu(x);
    case 12: return laplace(x);
  }
  return unreachable();
}

// @ts-ignore: decorator
@inline
function splat(x: f64): v128 {
  return f64x2.splat(x);
}

// @ts-ignore: decorator
@inline
function mul(a: v128, b: v128): v128 {
  return f64x2.mul(a, b);
}

// @ts-ignore: decorator
@inline
function positive(x: v128): v128 {
  return f64x2.gt(x, splat(0));
}

/** |x| no larger than `most`, which is where a function has its limit; NaN stays NaN. */
// @ts-ignore: decorator
@inline
function clamp(x: v128, most: f64): v128 {
  return f64x2.pmin(f64x2.pmax(x, splat(-most)), splat(most));
}

/** Φ(z) for |z| ≤ 39, with Φ(−|z|) by erfcx, and its density. */
function normal(z: v128): v128 {
  density = mul(splat(0.3989422804014327), gaussian(z));
  // ½·√(2π) = 1.2533…
  const tail = mul(mul(splat(1.2533141373155001), erfcx(mul(splat(0.7071067811865476), f64x2.abs(z)))), density);
  return v128.bitselect(f64x2.sub(splat(1), tail), tail, positive(z));
}

let density: v128 = i64x2.splat(0);

/** x·Φ(x). */
function gelu(x: v128): v128 {
  const near = clamp(x, 39);
  const share = normal(near);
  slope = madd(near, density, share);
  curve = mul(density, f64x2.sub(splat(2), mul(near, near)));
  return mul(v128.bitselect(x, near, positive(x)), share);
}

function clippedGelu(x: v128): v128 {
  const y = gelu(x), most = splat(10);
  const beyond = f64x2.gt(y, most);
  slope = v128.andnot(slope, beyond);
  curve = v128.andnot(curve, beyond);
  return v128.bitselect(most, y, beyond);
}

/** Φ((x − μ)/σ): X. Ma et al., "Mega: moving average equipped gated attention" (2022), arXiv 2209.10655. */
function laplace(x: v128): v128 {
  const steep = splat(1 / 0.282095);
  const z = clamp(mul(f64x2.sub(x, splat(0.707107)), steep), 39);
  const share = normal(z);
  slope = mul(density, steep);
  curve = mul(f64x2.neg(z), mul(slope, steep));
  return share;
}

/** The sigmoid of x, and that of −x in `other`. */
// @ts-ignore: decorator
@inline
function bothSigmoids(x: v128): v128 {
  const e = exp(f64x2.neg(f64x2.abs(x)));
  const large = f64x2.div(splat(1), f64x2.add(splat(1), e));
  const small = mul(large, e);
  const right = positive(x);
  other = v128.bitselect(small, large, right);
  return v128.bitselect(large, small, right);
}

let other: v128 = i64x2.splat(0);

/** x·(1 + tanh w)/2 with w = √(2/π)(x + 0.044715 x³); (1 + tanh w)/2 is the sigmoid of 2w. */
function geluTanh(x: v128): v128 {
  const near = clamp(x, 30);
  const square = mul(near, near);
  const s = bothSigmoids(mul(near, madd(splat(0.07135481627260025), square, splat(1.5957691216057308))));
  const change = madd(splat(0.21406444881780073), square, splat(1.5957691216057308));
  const bend = mul(splat(0.42812889763560147), near);
  const product = mul(s, other), turn = f64x2.sub(other, s);
  slope = madd(near, mul(product, change), s);
  const second = madd(turn, mul(change, change), bend);
  curve = mul(product, madd(near, second, mul(splat(2), change)));
  return mul(v128.bitselect(x, near, positive(x)), s);
}

/** x·sigmoid(factor·x). */
function swish(x: v128, factor: f64): v128 {
  const near = clamp(x, 800);
  const s = bothSigmoids(mul(splat(factor), near));
  const product = mul(splat(factor), mul(s, other));
  slope = madd(near, product, s);
  curve = mul(product, madd(mul(splat(factor), near), f64x2.sub(other, s), splat(2)));
  return mul(v128.bitselect(x, near, positive(x)), s);
}

function relu(x: v128): v128 {
  const right = positive(x);
  slope = v128.and(splat(1), right);
  curve = splat(0);
  return f64x2.pmax(x, splat(0));
}

function relu2(x: v128): v128 {
  const y = f64x2.pmax(x, splat(0));
  slope = mul(splat(2), y);
  curve = v128.and(splat(2), positive(x));
  return mul(y, y);
}

function relu6(x: v128): v128 {
  slope = v128.and(splat(1), v128.and(positive(x), f64x2.lt(x, splat(6))));
  curve = splat(0);
  return f64x2.pmin(f64x2.pmax(x, splat(0)), splat(6));
}

function tanh(x: v128): v128 {
  const twice = mul(splat(-2), f64x2.abs(x));
  const e = exp(twice), m = expm1(twice), sum = f64x2.add(splat(1), e);
  const size = f64x2.div(f64x2.neg(m), sum);
  const y = v128.bitselect(size, f64x2.neg(size), positive(x));
  slope = f64x2.div(mul(splat(4), e), mul(sum, sum));
  curve = mul(mul(splat(-2), y), slope);
  return y;
}

/** x·tanh(log(1 + eˣ)), with tanh(log(1 + e)) = (e² + 2e)/(e² + 2e + 2). */
function mish(x: v128): v128 {
  const near = clamp(x, 100);
  const e = exp(near);
  const top = mul(e, f64x2.add(e, splat(2))), under = f64x2.add(top, splat(2));
  const t = f64x2.div(top, under);
  const first = f64x2.div(mul(splat(4), madd(e, e, e)), mul(under, under));
  // e·(2 + 2e − 3e² − 2e³)
  const rest = madd(madd(madd(splat(-2), e, splat(-3)), e, splat(2)), e, splat(2));
  const second = f64x2.div(mul(splat(4), mul(e, rest)), mul(under, mul(under, under)));
  slope = madd(near, first, t);
  curve = madd(near, second, mul(splat(2), first));
  return mul(v128.bitselect(x, near, positive(x)), t);
}

function sigmoid(x: v128): v128 {
  const s = bothSigmoids(x);
  slope = mul(s, other);
  curve = mul(slope, f64x2.sub(other, s));
  return s;
}

/**
 * a·x² + c·x for x > 0, otherwise b·(exp(min(x, e)) − 1 − x) + c·x: xIELU of A. H. Huang and I. Schlag, "Deriving
 * activation functions using integration" (2024), arXiv 2411.13010.
 */
function xielu(x: v128, a: f64, b: f64, c: f64, e: f64): v128 {
  const right = positive(x);
  const held = f64x2.gt(x, splat(e));
  const low = f64x2.pmin(f64x2.pmin(x, splat(e)), splat(0));
  const power = expm1(low);
  const line = splat(c);
  slope = v128.bitselect(madd(splat(2 * a), x, line), madd(splat(b), v128.bitselect(splat(-1), power, held), line), right);
  curve = v128.bitselect(splat(2 * a), v128.andnot(mul(splat(b), exp(low)), held), right);
  const left = mul(splat(b), f64x2.sub(power, x));
  return madd(line, x, v128.bitselect(mul(splat(a), mul(x, x)), left, right));
}
