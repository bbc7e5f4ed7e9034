// Work recorded for the GPU, in the order in which it is to run: dispatches, copies, clears, and writes from the host.
import type { Kernel } from "./kernel.js";
import type { Buffer, Memory, View } from "./memory.js";

export type Views = Readonly<Record<string, View>>;

export type Command =
  | { readonly kernel: Kernel; readonly views: Views; readonly groups: readonly number[]; readonly sizes: Sizes }
  | { readonly copy: readonly [from: View, to: View] }
  | { readonly clear: View }
  | { readonly write: View; readonly data: Float32Array | Uint32Array };

type Sizes = Readonly<Record<string, number>>;

/** Buffers that a command reads, those that it writes among them, and those. */
export function buffersOf(command: Command): { all: Buffer[]; written: Buffer[] } {
  if ("kernel" in command) {
    const bound = Object.entries(command.kernel.buffers).map(([name, type]) => ({
      buffer: command.views[name].buffer,
      isWritten: isWritten(type),
    }));
    return {
      all: bound.map(({ buffer }) => buffer),
      written: bound.filter((binding) => binding.isWritten).map(({ buffer }) => buffer),
    };
  }
  if ("copy" in command) {
    const [from, to] = command.copy;
    return { all: [from.buffer, to.buffer], written: [to.buffer] };
  }
  const to = "clear" in command ? command.clear.buffer : command.write.buffer;
  return { all: [to], written: [to] };
}

function isWritten(type: string): boolean {
  return !type.startsWith("read ");
}

export class Batch {
  #commands: Command[] = [];
  /** Buffers that only recorded commands need any more. */
  #done: View[] = [];

  constructor(readonly memory: Memory) {}

  /** Nothing is recorded, and no buffer waits for what is. */
  get isEmpty(): boolean {
    return this.#commands.length === 0 && this.#done.length === 0;
  }

  /** Runs a kernel; what it reads may lie in a buffer that it writes elsewhere: then it is copied first. */
  dispatch(kernel: Kernel, groups: readonly number[], views: Views, sizes: Sizes): void {
    const names = Object.keys(kernel.buffers);
    const written = new Set(names.filter((name) => isWritten(kernel.buffers[name])).map((name) => views[name].buffer));
    const apart: Record<string, View> = { ...views };
    for (const name of names) {
      const view = views[name];
      if (isWritten(kernel.buffers[name]) || !written.has(view.buffer)) continue;
      apart[name] = this.memory.allocate(view.size, "a copy of a vector");
      this.#commands.push({ copy: [view, apart[name]] });
      this.#done.push(apart[name]);
    }
    this.#commands.push({ kernel, views: apart, groups, sizes });
  }

  /** Copies as many bytes as the smaller of both views holds, between two buffers. */
  copy(from: View, to: View): void {
    this.#commands.push({ copy: [from, to] });
  }

  clear(view: View): void {
    this.#commands.push({ clear: view });
  }

  write(view: View, data: Float32Array | Uint32Array): void {
    this.#commands.push({ write: view, data });
  }

  /**
   * Drops what nobody can see once these buffers are gone: commands that write to them alone, unless a later one that
   * stays reads that.
   * @returns whether any command that stays needs them
   */
  forget(buffers: ReadonlySet<Buffer>): boolean {
    const needed = new Set<Buffer>();
    const staying: Command[] = [];
    for (const command of [...this.#commands].reverse()) {
      const { all, written } = buffersOf(command);
      if (written.every((to) => buffers.has(to) && !needed.has(to))) continue;
      for (const buffer of all) if (buffers.has(buffer)) needed.add(buffer);
      staying.push(command);
    }
    this.#commands = staying.reverse();
    return needed.size > 0;
  }

  /** Frees a view once what is recorded has run. */
  freeAfterwards(view: View): void {
    this.#done.push(view);
  }

  /** What was recorded, for whoever runs it, and what to free then. */
  take(): { commands: Command[]; done: View[] } {
    const taken = { commands: this.#commands, done: this.#done };
    this.#commands = [];
    this.#done = [];
    return taken;
  }
}
