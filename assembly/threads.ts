// The kernels of a team (team.ts): those of index.ts, and the ones among them that its members do together.
import { attend } from "./attention/forward";
import { jvp, vjp } from "./attention/jacobian";
import { copyOf, Primal } from "./attention/primal";
import { answer, call, part } from "./base/team";
import { Basis, combineBasis, orthonormalizeAgainst } from "./commands";

export * from "./index";
export { joinTeam } from "./base/team";

const ATTEND: i32 = 0;
const JVP: i32 = 1;
const VJP: i32 = 2;
const ORTHONORMALIZE: i32 = 3;
const COMBINE: i32 = 4;

export function attendTogether(s: Primal, y: usize): void {
  together(s.shared, ATTEND, changetype<usize>(s), y);
}

export function jvpTogether(s: Primal, u: usize, y: usize): void {
  together(s.shared, JVP, changetype<usize>(s), u, y);
}

export function vjpTogether(s: Primal, y: usize, x: usize): void {
  together(s.shared, VJP, changetype<usize>(s), y, x);
}

/** Numbers to read below which a team is not worth calling. */
const FEW: i64 = 1 << 16;

export function orthonormalizeAgainstTogether(b: Basis, k: i32, along: usize, w: usize, length: usize): void {
  together(<i32>(<i64>b.size * k >= FEW), ORTHONORMALIZE, changetype<usize>(b), k, along, w, length);
}

export function combineBasisTogether(b: Basis, k: i32, to: usize): void {
  together(<i32>(<i64>b.size * k >= FEW), COMBINE, changetype<usize>(b), k, to);
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
    case ORTHONORMALIZE: return orthonormalizeAgainst(changetype<Basis>(a), <i32>b, c, d, e);
    case COMBINE: return combineBasis(changetype<Basis>(a), <i32>b, c);
  }
}
