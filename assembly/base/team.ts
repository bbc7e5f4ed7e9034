// Several instances of the kernels over one shared memory, a team, that do a job together. Each runs the same code on its
// share of every loop, and a barrier lets none go on before all have written what the others read next. Shares are cut so
// that every sum is wholly one member's, in the order of one thread alone: the results are the same to the last bit.
//
// In the kernels without threads there is one member, known at compile time.

/** Of this instance; the host is member 0. */
let member: i32 = 0;
/** Members at work: 1 outside of jobs. */
let size: i32 = 1;
let teamSize: i32 = 1;
let shared: Control = changetype<Control>(0);
/** Multiply-adds from which on the host calls the team. */
let least: f64 = Infinity;

/** Given by the host, as V8's baseline compiler in Node 20 loses registers around its own wait and notify instructions. */
// @ts-ignore: decorator
@external("env", "sleepWhile")
declare function sleepWhile(at: usize, value: i32): void;
// @ts-ignore: decorator
@external("env", "wake")
declare function wake(at: usize): void;

/** What the members have in common; all zero at first. */
@unmanaged export class Control {
  /** Jobs begun so far. */
  jobs: i32;
  /** Barriers passed so far, and the members that wait at the next. */
  barriers: i32;
  waiting: i32;
  /** The job, and what it works on. */
  job: i32;
  a: usize;
  b: usize;
  c: usize;
  d: usize;
  e: usize;
  x: f64;
}

export function joinTeam(place: i32, members: i32, control: Control): void {
  member = place;
  teamSize = members;
  shared = control;
}

/** The first of this member's share of `count` things, and the end of it. */
// @ts-ignore: decorator
@inline
export function shareStart(count: i32): i32 {
  return ASC_FEATURE_THREADS ? (member * count) / size : 0;
}
// @ts-ignore: decorator
@inline
export function shareEnd(count: i32): i32 {
  return ASC_FEATURE_THREADS ? ((member + 1) * count) / size : count;
}

/** This member's of structures that lie `bytes` apart. */
// @ts-ignore: decorator
@inline
export function memberOf(at: usize, bytes: usize): usize {
  return ASC_FEATURE_THREADS ? at + <usize>member * bytes : at;
}

/** Host: from how many multiply-adds on the team is called. */
export function shareFrom(multiplyAdds: f64): void {
  least = multiplyAdds;
}

// @ts-ignore: decorator
@inline
export function worth(multiplyAdds: f64): bool {
  return multiplyAdds >= least;
}

/** Members that share what follows. */
// @ts-ignore: decorator
@inline
export function membersAtWork(): i32 {
  return ASC_FEATURE_THREADS ? size : 1;
}

/** Waits until every member is here; what each wrote before, all can read after. */
export function barrier(): void {
  if (!ASC_FEATURE_THREADS) return;
  if (size == 1) return;
  const at = changetype<usize>(shared) + offsetof<Control>("barriers");
  const passed = atomic.load<i32>(at);
  if (atomic.add<i32>(changetype<usize>(shared), 1, offsetof<Control>("waiting")) < size - 1) {
    waitWhile(at, passed);
    return;
  }
  atomic.store<i32>(changetype<usize>(shared), 0, offsetof<Control>("waiting"));
  atomic.store<i32>(at, passed + 1);
  wake(at);
}

/** Host: calls the others to a job. */
export function call(job: i32, a: usize, b: usize, c: usize, d: usize, e: usize, x: f64): void {
  if (!ASC_FEATURE_THREADS) return;
  shared.job = job;
  shared.a = a;
  shared.b = b;
  shared.c = c;
  shared.d = d;
  shared.e = e;
  shared.x = x;
  size = teamSize;
  const at = changetype<usize>(shared) + offsetof<Control>("jobs");
  atomic.add<i32>(at, 1);
  wake(at);
}

/** Others: waits for the job after those seen so far, and returns it. */
export function answer(seen: i32): Control {
  if (ASC_FEATURE_THREADS) waitWhile(changetype<usize>(shared) + offsetof<Control>("jobs"), seen);
  size = teamSize;
  return shared;
}

/** The end of a job, for every member. */
export function part(): void {
  barrier();
  size = 1;
}

/** Looks at a word, some tens of microseconds' worth, before going to sleep: the host's own work between two steps. */
const LOOKS: i32 = 20_000;

function waitWhile(at: usize, value: i32): void {
  if (!ASC_FEATURE_THREADS) return;
  for (let look = 0; look < LOOKS; look++) {
    if (atomic.load<i32>(at) != value) return;
  }
  while (atomic.load<i32>(at) == value) sleepWhile(at, value);
}
