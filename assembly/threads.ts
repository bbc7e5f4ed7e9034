// The kernels of a team (base/team.ts): those of index.ts, and the ones among them that its members do together, each by
// the name of the kernel and "Together".
import { attend } from "./attention/forward";
import { jvp, vjp } from "./attention/jacobian";
import { copyOf, Primal } from "./attention/primal";
import { NR } from "./base/simd";
import { answer, call, part, worth } from "./base/team";
import { add, Basis, combineBasis, multiplyElements, normalizeInto, orthonormalizeAgainst } from "./commands";
import { Activation, activate } from "./layers/activation";
import { applyLinear, Linear, linearJvp, linearVjp } from "./layers/linear";
import { applyNorm, Norm, normGradient, normJvp, normVjp } from "./layers/norm";

export * from "./index";
export { joinTeam, shareFrom } from "./base/team";

enum Job {
  Attend, Jvp, Vjp,
  Add, Multiply, Normalize, Orthonormalize, Combine,
  ApplyLinear, LinearJvp, LinearVjp, ApplyNorm, NormJvp, NormVjp, NormGradient, Activate,
}

export function attendTogether(s: Primal, y: usize): void {
  together(s.shared != 0, Job.Attend, changetype<usize>(s), y);
}

export function jvpTogether(s: Primal, u: usize, y: usize): void {
  together(s.shared != 0, Job.Jvp, changetype<usize>(s), u, y);
}

export function vjpTogether(s: Primal, y: usize, x: usize): void {
  together(s.shared != 0, Job.Vjp, changetype<usize>(s), y, x);
}

/** Multiply-adds that take as long as a number that is read and written. */
const NUMBER: f64 = 8;

export function addTogether(n: i32, factor: f64, from: usize, to: usize): void {
  together(worth(NUMBER * n), Job.Add, n, from, to, 0, 0, factor);
}

export function multiplyElementsTogether(n: i32, a: usize, b: usize, to: usize): void {
  together(worth(NUMBER * n), Job.Multiply, n, a, b, to);
}

export function normalizeIntoTogether(n: i32, w: usize, length: usize): void {
  together(worth(NUMBER * n), Job.Normalize, n, w, length);
}

export function orthonormalizeAgainstTogether(b: Basis, k: i32, along: usize, w: usize, length: usize): void {
  together(worth(NUMBER * b.size * k), Job.Orthonormalize, changetype<usize>(b), k, along, w, length);
}

export function combineBasisTogether(b: Basis, k: i32, to: usize): void {
  together(worth(NUMBER * b.size * k), Job.Combine, changetype<usize>(b), k, to);
}

export function applyLinearTogether(s: Linear, panels: i32, x: usize, y: usize): void {
  together(worthMapping(s, panels), Job.ApplyLinear, changetype<usize>(s), panels, x, y);
}

export function linearJvpTogether(s: Linear, panels: i32, u: usize, y: usize): void {
  together(worthMapping(s, panels), Job.LinearJvp, changetype<usize>(s), panels, u, y);
}

export function linearVjpTogether(s: Linear, panels: i32, v: usize, x: usize): void {
  together(worthMapping(s, panels), Job.LinearVjp, changetype<usize>(s), panels, v, x);
}

export function applyNormTogether(s: Norm, x: usize, y: usize): void {
  together(worthNorm(s), Job.ApplyNorm, changetype<usize>(s), x, y);
}

export function normJvpTogether(s: Norm, u: usize, y: usize): void {
  together(worthNorm(s), Job.NormJvp, changetype<usize>(s), u, y);
}

export function normVjpTogether(s: Norm, v: usize, x: usize): void {
  together(worthNorm(s), Job.NormVjp, changetype<usize>(s), v, x);
}

export function normGradientTogether(s: Norm, u: usize, v: usize, x: usize): void {
  together(worthNorm(s), Job.NormGradient, changetype<usize>(s), u, v, x);
}

export function activateTogether(s: Activation, x: usize, y: usize): void {
  together(worth(4 * NUMBER * s.n * s.d), Job.Activate, changetype<usize>(s), x, y);
}

function worthMapping(s: Linear, panels: i32): bool {
  return worth(<f64>panels * NR * s.dIn * s.dOut);
}

function worthNorm(s: Norm): bool {
  return worth(2 * NUMBER * s.n * s.d);
}

/** What every other member runs, for ever. */
export function work(): void {
  for (let seen = 0; ; seen++) {
    const s = answer(seen);
    perform(s.job, s.a, s.b, s.c, s.d, s.e, s.x);
    part();
  }
}

function together(
  shared: bool, job: i32, a: usize, b: usize, c: usize = 0, d: usize = 0, e: usize = 0, x: f64 = 0,
): void {
  if (shared) call(job, a, b, c, d, e, x);
  perform(job, a, b, c, d, e, x);
  part();
}

/** This member's share of a job. */
function perform(job: i32, a: usize, b: usize, c: usize, d: usize, e: usize, x: f64): void {
  switch (job) {
    case Job.Attend: return attend(copyOf(changetype<Primal>(a)), b);
    case Job.Jvp: return jvp(copyOf(changetype<Primal>(a)), b, c);
    case Job.Vjp: return vjp(copyOf(changetype<Primal>(a)), b, c);
    case Job.Add: return add(<i32>a, x, b, c);
    case Job.Multiply: return multiplyElements(<i32>a, b, c, d);
    case Job.Normalize: return normalizeInto(<i32>a, b, c);
    case Job.Orthonormalize: return orthonormalizeAgainst(changetype<Basis>(a), <i32>b, c, d, e);
    case Job.Combine: return combineBasis(changetype<Basis>(a), <i32>b, c);
    case Job.ApplyLinear: return applyLinear(changetype<Linear>(a), <i32>b, c, d);
    case Job.LinearJvp: return linearJvp(changetype<Linear>(a), <i32>b, c, d);
    case Job.LinearVjp: return linearVjp(changetype<Linear>(a), <i32>b, c, d);
    case Job.ApplyNorm: return applyNorm(changetype<Norm>(a), b, c);
    case Job.NormJvp: return normJvp(changetype<Norm>(a), b, c);
    case Job.NormVjp: return normVjp(changetype<Norm>(a), b, c);
    case Job.NormGradient: return normGradient(changetype<Norm>(a), b, c, d);
    case Job.Activate: return activate(changetype<Activation>(a), b, c);
  }
}
