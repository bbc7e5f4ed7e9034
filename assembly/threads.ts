// The kernels of a team (team.ts): those of index.ts, and the ones among them that its members do together.
import { attend } from "./attention/forward";
import { jvp, vjp } from "./attention/jacobian";
import { copyOf, Primal } from "./attention/primal";
import { bidiagonalize, Krylov, powerStep } from "./spectral";
import { answer, call, part } from "./base/team";
import { combine } from "./vectors";

export * from "./index";
export { joinTeam } from "./base/team";

const ATTEND: i32 = 0;
const JVP: i32 = 1;
const VJP: i32 = 2;
const BIDIAGONALIZE: i32 = 3;
const POWER_STEP: i32 = 4;
const COMBINE: i32 = 5;

export function attendTogether(s: Primal, y: usize): void {
  together(s.shared, ATTEND, changetype<usize>(s), y);
}

export function jvpTogether(s: Primal, u: usize, y: usize): void {
  together(s.shared, JVP, changetype<usize>(s), u, y);
}

export function vjpTogether(s: Primal, y: usize, x: usize): void {
  together(s.shared, VJP, changetype<usize>(s), y, x);
}

export function bidiagonalizeTogether(s: Krylov, k: i32): void {
  together(s.primal.shared, BIDIAGONALIZE, changetype<usize>(s), k);
}

export function powerStepTogether(s: Krylov): void {
  together(s.primal.shared, POWER_STEP, changetype<usize>(s));
}

/** Numbers to read below which a team is not worth calling. */
const FEW: i64 = 1 << 16;

export function combineTogether(n: i32, table: usize, k: i32, coefficients: usize, to: usize): void {
  together(<i32>(<i64>n * k >= FEW), COMBINE, n, table, k, coefficients, to);
}

/** What every other member runs, for ever. */
export function work(): void {
  for (let seen = 0; ; seen++) {
    const s = answer(seen);
    perform(s.job, s.a, s.b, s.c, s.d, s.e);
    part();
  }
}

function together(shared: i32, job: i32, a: usize, b: usize = 0, c: usize = 0, d: usize = 0, e: usize = 0): void {
  if (shared) call(job, a, b, c, d, e);
  perform(job, a, b, c, d, e);
  part();
}

/** This member's share of a job. */
function perform(job: i32, a: usize, b: usize, c: usize, d: usize, e: usize): void {
  switch (job) {
    case ATTEND: return attend(copyOf(changetype<Primal>(a)), b);
    case JVP: return jvp(copyOf(changetype<Primal>(a)), b, c);
    case VJP: return vjp(copyOf(changetype<Primal>(a)), b, c);
    case BIDIAGONALIZE: return bidiagonalize(changetype<Krylov>(a), <i32>b);
    case POWER_STEP: return powerStep(changetype<Krylov>(a));
    case COMBINE: return combine(<i32>a, b, <i32>c, d, e);
  }
}
