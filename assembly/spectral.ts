// The step body of the spectral solvers (MATH 10) for attention: vectors stay in memory between steps (vectors.ts).
import { barrier } from "./base/team";
import { jvp, vjp } from "./attention/jacobian";
import { copyOf, Primal } from "./attention/primal";
import { distance, normalize, orthonormalize, vector } from "./vectors";

/** A Krylov space of A = J, or of A = Jᵀ with `transposed`. Tables of pointers grow with the steps. */
@unmanaged export class Krylov {
  primal: Primal;
  transposed: i32;
  /** Numbers in a vector of the domain and of the range. */
  domain: i32;
  range: i32;
  /** Pointers (u32) to the basis vectors v_k of the domain and u_k of the range. */
  vs: usize;
  us: usize;
  /** f64 work space for the coefficients of a reorthogonalization. */
  coefficients: usize;
  alpha: f64;
  beta: f64;
}

function apply(s: Krylov, transposed: bool, from: usize, to: usize): void {
  if (transposed) vjp(copyOf(s.primal), from, to);
  else jvp(copyOf(s.primal), from, to);
  barrier();
}

/** Step k of Golub–Kahan–Lanczos: u_k, v_{k+1}, alpha and beta (see src/spectral/krylov.ts). */
export function bidiagonalize(s: Krylov, k: i32): void {
  const u = vector(s.us, k), next = vector(s.vs, k + 1);
  apply(s, s.transposed != 0, vector(s.vs, k), u);
  s.alpha = orthonormalize(s.range, s.us, k, k > 0 ? s.beta : 0, u, s.coefficients);
  apply(s, s.transposed == 0, u, next);
  s.beta = orthonormalize(s.domain, s.vs, k + 1, s.alpha, next, s.coefficients);
}

/** Step k of Lanczos on AᵀA, which keeps no u but that of this step (see src/spectral/krylov.ts). */
export function tridiagonalize(s: Krylov, k: i32): void {
  const u = vector(s.us, 0), next = vector(s.vs, k + 1);
  apply(s, s.transposed != 0, vector(s.vs, k), u);
  s.alpha = normalize(s.range, u, 0);
  apply(s, s.transposed == 0, u, next);
  s.beta = orthonormalize(s.domain, s.vs, k + 1, s.alpha, next, s.coefficients);
}

/** One power iteration on AᵀA: from v_0 into u_0 and v_1; alpha = ‖A v_0‖, beta = ‖Aᵀ u_0 − alpha·v_0‖. */
export function powerStep(s: Krylov): void {
  const v = vector(s.vs, 0), u = vector(s.us, 0), next = vector(s.vs, 1);
  apply(s, s.transposed != 0, v, u);
  s.alpha = normalize(s.range, u, 0);
  apply(s, s.transposed == 0, u, next);
  // ‖Aᵀu − alpha·v‖² = ‖Aᵀu‖² − 2·alpha·⟨Aᵀu, v⟩ + alpha² cancels; the difference is summed term by term.
  s.beta = distance(s.domain, next, v, s.alpha);
  normalize(s.domain, next, 0);
}
