// The table of activations in WGSL: `activation(x)` is (f, f′, f″). What is small is computed as such, never as one less
// something, so that both tails keep their digits. Numbers of xIELU are sizes a, b, c, e.
import type { ResolvedActivation } from "../../layers/activation.js";

/** Φ by erfc/2: Maclaurin's series near 0, a continued fraction further out (Abramowitz and Stegun 7.1.5, 7.1.14). */
const GELU = `
fn erfc(x: f32) -> f32 {
  let z = abs(x);
  if (z < 1.5) {
    var term = z;
    var sum = z;
    for (var k = 1; k < 24; k++) {
      term *= -z * z / f32(k);
      sum += term / f32(2 * k + 1);
    }
    return 1.0 - sign(x) * 1.1283791670955126 * sum;
  }
  var fraction = z;
  for (var k = 48; k > 0; k--) { fraction = z + 0.5 * f32(k) / fraction; }
  let tail = exp(-z * z) / (fraction * 1.7724538509055159);
  return select(tail, 2.0 - tail, x < 0.0);
}
fn gelu(x: f32) -> vec3f {
  let near = clamp(x, -13.0, 13.0);
  let share = 0.5 * erfc(-near * 0.7071067811865476);
  let density = 0.3989422804014327 * exp(-0.5 * near * near);
  return vec3f(select(near, x, x > 0.0) * share, share + near * density, density * (2.0 - near * near));
}`;

/** (sigmoid(x), sigmoid(−x)); the exponential of a positive number never overflows this way. */
const SIGMOIDS = `
fn sigmoids(x: f32) -> vec2f {
  let e = exp(-abs(x));
  let both = vec2f(1.0, e) / (1.0 + e);
  return select(both.yx, both, x > 0.0);
}`;

/** x·sigmoid(factor·x). */
const swish = (factor: string) => `${SIGMOIDS}
fn activation(x: f32) -> vec3f {
  let near = clamp(x, -88.0, 88.0);
  let s = sigmoids(${factor} * near);
  let product = ${factor} * (s.x * s.y);
  let curve = product * (2.0 + ${factor} * near * (s.y - s.x));
  return vec3f(select(near, x, x > 0.0) * s.x, s.x + near * product, curve);
}`;

/** eˣ − 1 − x and eˣ − 1 for x ≤ 0. */
const EXPM1 = `
fn expm1LessX(x: f32) -> f32 {
  if (x < -0.5) { return (exp(x) - 1.0) - x; }
  return x * x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0
    + x * (1.0 / 5040.0 + x * (1.0 / 40320.0)))))));
}
fn expm1(x: f32) -> f32 {
  return select(x + expm1LessX(x), exp(x) - 1.0, x < -0.5);
}`;

export const ACTIVATIONS: Record<ResolvedActivation["kind"], string> = {
  gelu: `${GELU}
fn activation(x: f32) -> vec3f { return gelu(x); }`,
  // x·(1 + tanh w)/2 = x·sigmoid(2w) with 2w = 2√(2/π)(x + 0.044715 x³).
  "gelu-tanh": `${SIGMOIDS}
fn activation(x: f32) -> vec3f {
  let near = clamp(x, -12.0, 12.0);
  let square = near * near;
  let s = sigmoids(near * (1.5957691216057308 + 0.07135481627260025 * square));
  let change = 1.5957691216057308 + 0.21406444881780073 * square;
  let product = s.x * s.y;
  let second = (s.y - s.x) * (change * change) + 0.42812889763560147 * near;
  return vec3f(select(near, x, x > 0.0) * s.x, s.x + near * (product * change), product * (2.0 * change + near * second));
}`,
  "quick-gelu": swish("1.702"),
  silu: swish("1.0"),
  relu: `
fn activation(x: f32) -> vec3f { return vec3f(max(x, 0.0), select(0.0, 1.0, x > 0.0), 0.0); }`,
  relu2: `
fn activation(x: f32) -> vec3f {
  let y = max(x, 0.0);
  return vec3f(y * y, 2.0 * y, select(0.0, 2.0, x > 0.0));
}`,
  relu6: `
fn activation(x: f32) -> vec3f { return vec3f(clamp(x, 0.0, 6.0), select(0.0, 1.0, x > 0.0 && x < 6.0), 0.0); }`,
  tanh: `${EXPM1}
fn activation(x: f32) -> vec3f {
  let twice = -2.0 * abs(x);
  let e = exp(twice);
  let size = -expm1(twice) / (1.0 + e);
  let y = select(-size, size, x > 0.0);
  let slope = 4.0 * e / ((1.0 + e) * (1.0 + e));
  return vec3f(y, slope, -2.0 * y * slope);
}`,
  // x·tanh(log(1 + eˣ)), with tanh(log(1 + e)) = (e² + 2e)/(e² + 2e + 2).
  mish: `
fn activation(x: f32) -> vec3f {
  let near = clamp(x, -88.0, 20.0);
  let e = exp(near);
  let top = e * (e + 2.0);
  let under = top + 2.0;
  let t = top / under;
  let first = 4.0 * (e / under) * ((e + 1.0) / under);
  let rest = 2.0 + e * (2.0 - e * (3.0 + 2.0 * e));
  let second = 4.0 * (e / under) * (rest / under) / under;
  return vec3f(select(near, x, x > 0.0) * t, t + near * first, 2.0 * first + near * second);
}`,
  sigmoid: `${SIGMOIDS}
fn activation(x: f32) -> vec3f {
  let s = sigmoids(x);
  let slope = s.x * s.y;
  return vec3f(s.x, slope, slope * (s.y - s.x));
}`,
  "gelu-10": `${GELU}
fn activation(x: f32) -> vec3f {
  let y = gelu(x);
  return select(y, vec3f(10.0, 0.0, 0.0), y.x > 10.0);
}`,
  // Φ((x − μ)/σ).
  laplace: `${GELU}
fn activation(x: f32) -> vec3f {
  let steep = 3.544905085166345;
  let z = clamp((x - 0.707107) * steep, -13.0, 13.0);
  let slope = 0.3989422804014327 * exp(-0.5 * z * z) * steep;
  return vec3f(0.5 * erfc(-z * 0.7071067811865476), slope, -z * slope * steep);
}`,
  // a·x² + c·x for x > 0, otherwise b·(exp(min(x, e)) − 1 − x) + c·x: arXiv 2411.13010.
  xielu: `${EXPM1}
fn activation(x: f32) -> vec3f {
  let a = bitcast<f32>(size.a);
  let b = bitcast<f32>(size.b);
  let c = bitcast<f32>(size.c);
  let e = bitcast<f32>(size.e);
  if (x > 0.0) { return vec3f(x * (a * x + c), 2.0 * a * x + c, 2.0 * a); }
  if (x > e) { return vec3f(b * (expm1(e) - x) + c * x, c - b, 0.0); }
  return vec3f(b * expm1LessX(x) + c * x, b * expm1(x) + c, b * exp(x));
}`,
};
