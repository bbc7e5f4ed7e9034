// The other end of the pool: measures what it is sent, on a runtime of its own.

import type { LinearizableLayer } from "../../device/linearization.js";
import { type Attention, createRuntime, type Runtime } from "../../measure/createRuntime.js";
import { makeLayer } from "../cells.js";
import { keepMeasured, type Measured, measureLayer } from "../measured.js";
import type { Answer, Job } from "./pool.js";

interface Port {
  on(event: "message", listener: (job: Job) => void): unknown;
  postMessage(answer: Answer): void;
}

/** Answers the jobs that come through `port`, one after the other; a failure is an answer, too. */
export function serveMeasurements(port: Port): void {
  const bench = new Bench();
  port.on("message", async (job) => port.postMessage(await bench.measure(job).then(asAnswer, asFailure)));
}

/** Holds the layer, and the head of it, that was measured last. */
class Bench {
  #runtime?: Promise<Runtime>;
  #layer?: LinearizableLayer;
  #head?: { index: number; attention: Attention };

  async measure({ dtype, part, spec, head, x, options }: Job) {
    this.#runtime ??= createRuntime({ device: "wasm", dtype });
    const runtime = await this.#runtime;
    if (spec) {
      this.#dropHead();
      this.#layer?.dispose();
      this.#layer = undefined;
      this.#layer = makeLayer(runtime, part, spec);
    }
    const layer = this.#layer!;
    return measureLayer(head === null ? layer : this.#headOf(layer as Attention, head), x, options);
  }

  #headOf(layer: Attention, index: number): Attention {
    if (this.#head?.index !== index) {
      this.#dropHead();
      this.#head = { index, attention: layer.head(index) };
    }
    return this.#head.attention;
  }

  #dropHead(): void {
    this.#head?.attention.dispose();
    this.#head = undefined;
  }
}

function asAnswer(norm: Measured): Answer {
  const { accuracy, relative, certified, ...rest } = keepMeasured(norm);
  return { measured: { ...rest, relative, accuracy: accuracy ?? undefined, certified: certified ?? undefined } };
}

function asFailure(error: unknown): Answer {
  return { error: error instanceof Error ? error.message : String(error) };
}
