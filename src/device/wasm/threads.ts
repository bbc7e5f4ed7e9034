// A team of threads over one shared memory (assembly/base/team.ts), loaded only where more than one thread is asked for.
import { DeviceError } from "../../base/errors.js";
import type { Heap } from "./heap.js";
import { compiledOnce, instantiateKernels, type KernelSource, type Kernels, type Simd } from "./kernels.js";
import { CONTROL, ROW, tileRows } from "./layout.js";
import { loadThreadedKernels } from "./threadedKernels.js";
import { checkThreads, cores, sleepAndWake, startThread, type Thread } from "./worker.js";

export interface Team {
  /** They put all threads to work where that is worth it. */
  readonly kernels: Kernels;
  readonly simd: Simd;
  /** Ends the threads. */
  end(): void;
}

/** The exports of assembly/threads.ts, and beside them what a team does together: each by the kernel's name and "Together". */
interface TeamKernels extends Kernels {
  joinTeam(member: number, members: number, control: number): void;
  shareFrom(multiplyAdds: number): void;
}

export interface TeamOptions {
  readonly kernels?: KernelSource;
  /** Multiply-adds of an application from which on it is shared. */
  readonly worthSharing?: number;
}

/** Below this the threads would wait for one another longer than they work. */
const WORTH_SHARING = 2 ** 19;
/** Threads of "auto": each asks for memory of its own, and heads are shared out whole. */
const MOST = 4;

const threadedKernels = compiledOnce(loadThreadedKernels);

/**
 * The number of threads meant.
 * @throws DeviceError saying why there can be no more than one
 */
export function teamSize(threads: number | "auto"): number {
  checkThreads();
  if (threads !== "auto") return threads;
  const most = Math.min(cores(), MOST);
  if (most < 2) throw new DeviceError("this machine has one core");
  return most;
}

/**
 * Starts the threads beside this one and waits until each is ready to work in the heap's memory.
 * @throws DeviceError where one cannot be started
 */
export async function startTeam(
  members: number,
  dtype: "f32" | "f64",
  heap: Heap,
  { kernels: override, worthSharing = WORTH_SHARING }: TeamOptions,
): Promise<Team> {
  const { memory } = heap;
  const { module, kernels, simd } = await instantiateKernels(
    dtype,
    heap,
    override,
    threadedKernels,
    sleepAndWake(memory),
  );
  const host = kernels as TeamKernels;
  const control = heap.allocate(CONTROL.bytes, "a team");
  new Uint8Array(memory.buffer, control, CONTROL.bytes).fill(0);
  const edges = heap.allocate(members * tileRows(heap) * ROW, "a tile for each thread");
  host.setEdgeTile(edges);
  host.joinTeam(0, members, control);
  host.shareFrom(worthSharing);

  const threads: Thread[] = [];
  let ended: string | undefined;
  const end = () => {
    ended ??= "this runtime was disposed of; make a new one";
    for (const thread of threads) thread.end();
  };
  const onEnd = (why: string) => {
    ended ??= `a thread of this runtime has ended (${why}); make a new one`;
  };
  try {
    for (let member = 1; member < members; member++) {
      const edge = edges + member * tileRows(heap) * ROW;
      const start = { module, memory, edge, place: [member, members, control] } as const;
      threads.push(startThread(start, onEnd));
    }
    await Promise.all(threads.map(({ ready }) => ready));
  } catch (error) {
    end();
    throw error;
  }

  /** Threads that are gone would be waited for without end. */
  const guarded =
    <A extends number[]>(kernel: (...args: A) => void) =>
    (...args: A): void => {
      if (ended !== undefined) throw new DeviceError(ended);
      kernel(...args);
    };
  const suffix = "Together";
  const together = Object.entries(host)
    .filter(([name]) => name.endsWith(suffix))
    .map(([name, kernel]) => [name.slice(0, -suffix.length), guarded(kernel)]);
  const membersFor = (multiplyAdds: number) => (multiplyAdds >= worthSharing ? members : 1);
  return { kernels: { ...host, ...Object.fromEntries(together), membersFor }, simd, end };
}
