// One thread of a team: a Worker of Node, Deno or Bun, or of a page.
import { DeviceError } from "../../base/errors.js";
import type { WasmMemory, WasmModule } from "./webassembly.js";

/** What a thread is told. */
export interface ThreadStart {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** Its tile for ragged edges. */
  readonly edge: number;
  /** Arguments of `joinTeam`. */
  readonly place: readonly [member: number, members: number, control: number];
}

export interface Thread {
  /** Rejects with a DeviceError where the thread does not come to work. */
  readonly ready: Promise<void>;
  end(): void;
}

interface NodeWorker {
  postMessage(message: ThreadStart): void;
  on(event: "message", listener: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "exit", listener: (code: number) => void): void;
  unref(): void;
  terminate(): unknown;
}

interface WebWorker {
  postMessage(message: ThreadStart): void;
  onmessage: () => void;
  onerror: (event: { message?: string; preventDefault(): void }) => void;
  terminate(): void;
}

interface Platform {
  readonly crossOriginIsolated?: boolean;
  readonly SharedArrayBuffer?: unknown;
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly process?: {
    getBuiltinModule?(name: "os"): { availableParallelism(): number };
    getBuiltinModule?(name: "worker_threads"): {
      readonly Worker: new (source: string, options: { eval: true }) => NodeWorker;
    };
  };
  readonly Worker?: new (url: string | object, options: { name: string }) => WebWorker;
  readonly trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL(url: string): string },
    ): { createScriptURL(url: string): object };
  };
  readonly Blob: new (parts: string[], options: { type: string }) => object;
  readonly URL: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
}

const platform = globalThis as unknown as Platform;

/** A thread's program, but for the `port` that its messages come through. It answers once, and then works for ever. */
const program = `port.onmessage = ({ data: { module, memory, edge, place } }) => {
  const words = new Int32Array(memory.buffer);
  const { exports } = new WebAssembly.Instance(module, { env: {
    memory,
    abort() {},
    sleepWhile(at, value) { Atomics.wait(words, at / 4, value); },
    wake(at) { Atomics.notify(words, at / 4); },
  } });
  exports.setEdgeTile(edge);
  exports.joinTeam(...place);
  port.postMessage("ready");
  exports.work();
};`;

/** @throws DeviceError where threads cannot work in one memory */
export function checkThreads(): void {
  if (platform.crossOriginIsolated === false) {
    throw new DeviceError(
      "this page may not share memory with threads: serve it with the headers Cross-Origin-Opener-Policy: same-origin " +
        "and Cross-Origin-Embedder-Policy: require-corp",
    );
  }
  if (!platform.SharedArrayBuffer)
    throw new DeviceError("this JavaScript runtime has no memory that threads can share");
  if (!platform.process?.getBuiltinModule && !platform.Worker) {
    throw new DeviceError("this JavaScript runtime has no Workers");
  }
}

/** Threads that this machine runs at once. */
export function cores(): number {
  const { navigator, process } = platform;
  return navigator?.hardwareConcurrency ?? process?.getBuiltinModule?.("os").availableParallelism() ?? 1;
}

/** What the kernels of this thread import (assembly/base/team.ts); that of a page may not sleep, and goes on looking. */
export function sleepAndWake(memory: WasmMemory): object {
  // The words that threads wait for are in the first page, and a view of shared memory outlives its growth.
  const words = new Int32Array(memory.buffer);
  return {
    sleepWhile: maySleep(words) ? (at: number, value: number) => void Atomics.wait(words, at / 4, value) : () => {},
    wake: (at: number) => void Atomics.notify(words, at / 4),
  };
}

function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, 0, words[0] + 1);
    return true;
  } catch {
    return false;
  }
}

/** @param onEnd called with the reason should the thread end by itself */
export function startThread(start: ThreadStart, onEnd: (why: string) => void): Thread {
  let end = (): void => {};
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      reject(new DeviceError(`a thread could not be started: ${why}`));
      onEnd(why);
    };
    const launch = platform.process?.getBuiltinModule ? launchInNode : launchInPage;
    end = launch(start, resolve, fail);
  });
  return { ready, end };
}

/** Node, and Deno and Bun, which have its Workers too: these do not keep the process from ending. */
function launchInNode(start: ThreadStart, onReady: () => void, onFailure: (why: string) => void): () => void {
  const { Worker } = platform.process!.getBuiltinModule!("worker_threads");
  const port = 'const port = process.getBuiltinModule("worker_threads").parentPort;';
  const worker = new Worker(`${port}\n${program}`, { eval: true });
  worker.on("message", () => {
    worker.unref();
    onReady();
  });
  worker.on("error", ({ message }) => onFailure(message));
  worker.on("exit", (code) => onFailure(`exit code ${code}`));
  worker.postMessage(start);
  return () => worker.terminate();
}

function launchInPage(start: ThreadStart, onReady: () => void, onFailure: (why: string) => void): () => void {
  const { Blob, URL } = platform;
  const url = URL.createObjectURL(new Blob([`const port = self;\n${program}`], { type: "text/javascript" }));
  const worker = newWorker(url, onFailure);
  if (!worker) {
    URL.revokeObjectURL(url);
    return () => {};
  }
  worker.onmessage = () => {
    URL.revokeObjectURL(url);
    onReady();
  };
  worker.onerror = (event) => {
    event.preventDefault();
    // A policy's refusal says nothing to the page.
    onFailure(event.message || "the page's Content-Security-Policy must allow blob: in worker-src");
  };
  worker.postMessage(start);
  return () => worker.terminate();
}

/** A page may ask for URLs of scripts that a policy of its own has trusted, and list the names of those. */
function newWorker(url: string, onFailure: (why: string) => void): WebWorker | undefined {
  const { Worker, trustedTypes } = platform;
  try {
    const policy = trustedTypes?.createPolicy("howsmooth", { createScriptURL: (own) => own });
    return new Worker!(policy ? policy.createScriptURL(url) : url, { name: "howsmooth" });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    onFailure(`${why} (a Content-Security-Policy with trusted-types must list howsmooth)`);
    return undefined;
  }
}
