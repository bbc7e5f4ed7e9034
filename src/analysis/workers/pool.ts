// Measures rows in workers: each has a runtime of its own and makes the layers there from their weights.

import { throwIfAborted } from "../../base/check.js";
import type { AbortSignalLike } from "../../base/platform.js";
import type { Tensor } from "../../base/tensor.js";
import type { SpectralNormOptions } from "../../spectral/result.js";
import type { LayerSource, LayerSpec } from "../cells.js";
import { type Measured, measureLayer } from "../measured.js";
import type { Measure } from "../measureRow.js";
import type { PartName } from "../report.js";

/** What the pool asks of a worker: one thing at a time. */
export interface Job {
  dtype: "f32" | "f64";
  part: PartName;
  /** The whole layer's weights; left out where the worker has them from the job before. */
  spec?: LayerSpec;
  head: number | null;
  x: Tensor;
  options: Pick<SpectralNormOptions, "rtol" | "bracket" | "seed">;
}

export type Answer = { measured: Measured } | { error: string };

/** A worker of node:worker_threads, as far as it is needed here. */
export interface WorkerLike {
  postMessage(job: Job): void;
  on(event: "message", listener: (answer: Answer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "exit", listener: (code: number) => void): unknown;
  terminate(): unknown;
}

export interface Pool {
  readonly size: number;
  /** Waits for a free worker; the layer itself is not touched, only its source. */
  readonly measure: Measure;
  /** Ends the workers, in the middle of a measurement too, and starts none from then on; what is unsettled rejects. */
  close(): void;
}

interface Order {
  x: Tensor;
  options: SpectralNormOptions;
  source: LayerSource;
  settle(outcome: Answer | Error): void;
}

/** @param spawn starts a worker that runs `serveMeasurements`; called at need, and again after one has crashed */
export function createPool(size: number, dtype: "f32" | "f64", spawn: () => WorkerLike): Pool {
  const waiting: Order[] = [];
  const places = Array.from({ length: size }, () => new Place(dtype, spawn));
  const idle = [...places];

  const dispatch = async (): Promise<void> => {
    const place = waiting.length > 0 ? idle.pop() : undefined;
    if (!place) return;
    const order = waiting.shift()!;
    order.settle(await place.run(order));
    idle.push(place);
    return dispatch();
  };

  // One listener for all that waits: a signal warns of a leak from the eleventh on.
  const unsettled = new Set<Order["settle"]>();
  let watched: AbortSignalLike | undefined;
  const onAbort = () => {
    for (const settle of unsettled) settle(new Error("aborted"));
  };

  const measure: Measure = async (layer, x, options, source) => {
    // Of a whole model: it is where it is.
    if (!source.spec) return measureLayer(layer, x, options);
    const { signal } = options;
    throwIfAborted(signal);
    if (watched !== signal) {
      watched?.removeEventListener("abort", onAbort);
      watched = signal;
      watched?.addEventListener("abort", onAbort);
    }
    const outcome = await new Promise<Answer | Error>((resolve) => {
      const settle = (outcome: Answer | Error) => {
        unsettled.delete(settle);
        resolve(outcome);
      };
      unsettled.add(settle);
      waiting.push({ x, options, source, settle });
      dispatch();
    });
    throwIfAborted(signal);
    if (outcome instanceof Error) throw outcome;
    if ("error" in outcome) throw new Error(outcome.error);
    return outcome.measured;
  };

  const close = () => {
    watched?.removeEventListener("abort", onAbort);
    for (const place of places) place.close();
    for (const settle of unsettled) settle(closed());
  };
  return { size, measure, close };
}

function closed(): Error {
  return new Error("the pool was closed before this row was measured");
}

/** Where one worker lives, and its successor if it crashes. */
class Place {
  #worker?: WorkerLike;
  #closed = false;
  /** Of the layer that the worker holds. */
  #spec?: LayerSource["spec"];
  #settle: (outcome: Answer | Error) => void = () => {};

  constructor(
    readonly dtype: "f32" | "f64",
    readonly spawn: () => WorkerLike,
  ) {}

  async run({ x, options: { rtol, bracket, seed }, source }: Order): Promise<Answer | Error> {
    try {
      const known = this.#worker !== undefined && this.#spec === source.spec;
      const spec = known || this.#closed ? undefined : compact(await source.spec!());
      // The pool may have been closed while the weights were read: nobody would end a worker that is started now.
      if (this.#closed) return closed();
      const worker = this.#worker ?? this.#start();
      return await new Promise((settle) => {
        this.#settle = settle;
        this.#spec = source.spec;
        const asked = { rtol, bracket, seed };
        worker.postMessage({
          dtype: this.dtype,
          part: source.part,
          spec,
          head: source.head,
          x: compact(x),
          options: asked,
        });
      });
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  close(): void {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    worker?.terminate();
    this.#settle(closed());
  }

  #start(): WorkerLike {
    const worker = this.spawn();
    const lost = (reason: string) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle(new Error(`a worker ended before its row was measured: ${reason}; use fewer --threads`));
    };
    worker.on("message", (answer) => {
      // It may be the layer that could not be made: the next job makes it anew, and fails for the same reason.
      if ("error" in answer) this.#spec = undefined;
      this.#settle(answer);
    });
    worker.on("error", (error) => lost(error.message));
    worker.on("exit", (code) => lost(`exit code ${code}`));
    this.#worker = worker;
    return worker;
  }
}

/** A copy in which no typed array drags along a larger buffer: a message copies buffers whole. */
function compact<T>(value: T): T {
  if (ArrayBuffer.isView(value)) {
    const { byteLength, buffer } = value;
    return byteLength < buffer.byteLength ? ((value as unknown as Float32Array).slice() as unknown as T) : value;
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(compact) as T;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, compact(entry)])) as T;
}
