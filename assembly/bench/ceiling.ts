// The machine's own ceiling: multiply-adds on twelve independent registers, no memory touched.

export function ceiling(steps: i32, at: usize): void {
  let a = v128.load(at), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
  const x = v128.load(at, 16);
  for (; steps > 0; steps--) {
    a = madd(x, a); b = madd(x, b); c = madd(x, c); d = madd(x, d); e = madd(x, e); f = madd(x, f);
    g = madd(x, g); h = madd(x, h); i = madd(x, i); j = madd(x, j); k = madd(x, k); l = madd(x, l);
  }
  v128.store(at, a); v128.store(at, b, 16); v128.store(at, c, 32); v128.store(at, d, 48);
  v128.store(at, e, 64); v128.store(at, f, 80); v128.store(at, g, 96); v128.store(at, h, 112);
  v128.store(at, i, 128); v128.store(at, j, 144); v128.store(at, k, 160); v128.store(at, l, 176);
}

// @ts-ignore: decorator
@inline
function madd(x: v128, acc: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<Real>(x, x, acc);
  return v128.add<Real>(v128.mul<Real>(x, acc), acc);
}
