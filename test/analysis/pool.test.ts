// The pool and its workers over message ports in one thread; test/cli/analyze.e2e.test.ts has them in real threads.
import { MessageChannel } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { sweep } from "../../src/analysis/sweep.js";
import { createPool, type Job, type WorkerLike } from "../../src/analysis/workers/pool.js";
import { serveMeasurements } from "../../src/analysis/workers/serve.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { type Model, randomModel } from "../../src/models/index.js";
import type { WalkStep } from "../../src/models/model.js";
import { toJSON } from "../../src/report/json.js";

/** A worker in this thread; what it is asked goes by `onJob` first, which may make it crash. */
function spawning(onJob: (job: Job, crash: (error: Error) => void) => void = () => {}) {
  const spawned: WorkerLike[] = [];
  const spawn = (): WorkerLike => {
    const { port1, port2 } = new MessageChannel();
    serveMeasurements(port2);
    let crash = (_: Error) => {};
    const worker: WorkerLike = {
      postMessage(job) {
        onJob(job, (error) => crash(error));
        port1.postMessage(job);
      },
      on(event: string, listener: (value: never) => void) {
        if (event === "message") port1.on("message", (answer) => listener(answer as never));
        if (event === "error") crash = (error) => queueMicrotask(() => listener(error as never));
      },
      terminate: () => port1.close(),
    };
    spawned.push(worker);
    onTestFinished(() => port1.close());
    return worker;
  };
  return { spawn, spawned };
}

async function tinyModel(dtype: "f32" | "f64" = "f32") {
  const runtime = await createRuntime({ device: "wasm", dtype });
  onTestFinished(() => runtime.dispose());
  return randomModel("gpt2", { runtime, layers: 3, width: 16, heads: 4, vocabulary: 50, context: 16 });
}

/** The model's first layer, its weights, and its input for three tokens. */
async function firstStep(model: Model): Promise<WalkStep> {
  for await (const step of model.walk([[1, 2, 3]], { layers: [0] })) return step;
  throw new Error("a walk without a step");
}

const options = {
  tokens: Array.from({ length: 60 }, (_, at) => (7 * at) % 50),
  layers: [0, 2],
  heads: true,
  lengths: [1, 3, 8],
  samples: 3,
};

describe("a pool", () => {
  it.each(["f32", "f64"] as const)("gives the report of one thread, byte for byte, in %s", async (dtype) => {
    const model = await tinyModel(dtype);
    const alone = await sweep(model, options);
    for (const size of [1, 3]) {
      const { spawn, spawned } = spawning();
      const pool = createPool(size, dtype, spawn);
      const report = await sweep(model, { ...options, concurrency: 4 * size }, pool.measure);
      expect(toJSON(report)).toBe(toJSON(alone));
      expect(spawned).toHaveLength(size);
      pool.close();
    }
  });

  it("measures parts in workers, and the whole model beside them, to the same bytes", async () => {
    const model = await tinyModel("f64");
    const parts = { ...options, heads: false, of: ["attention", "feed-forward", "block", "model"] as const };
    const { spawn, spawned } = spawning();
    const pool = createPool(2, "f64", spawn);
    const report = await sweep(model, { ...parts, concurrency: 8 }, pool.measure);
    expect(toJSON(report)).toBe(toJSON(await sweep(model, parts)));
    expect(report.rows.filter(({ status }) => status === "failed")).toEqual([]);
    expect(spawned).toHaveLength(2);
    pool.close();
  });

  it("sends a layer's weights to each worker once, heads included", async () => {
    let specs = 0;
    const { spawn } = spawning(({ spec }) => {
      if (spec) specs++;
    });
    const pool = createPool(2, "f32", spawn);
    await sweep(await tinyModel(), { ...options, concurrency: 8 }, pool.measure);
    expect(specs).toBe(2 * options.layers.length);
  });

  it("records a row that fails in a worker as one thread does", async () => {
    const model = await tinyModel();
    const oneLayer = { ...options, layers: [0] };
    const { config, layers, origin } = model;
    const damaged: Model = {
      ...{ config, layers, origin },
      encode: (text) => model.encode(text),
      trace: (...args) => model.trace(...args),
      stacks: model.stacks,
      attention: (layer) => model.attention(layer),
      partsOf: (layer) => model.partsOf(layer),
      part: model.part.bind(model),
      blocks: (from, to) => model.blocks(from, to),
      head: () => model.head(),
      dispose() {},
      [Symbol.dispose]() {},
      async *walk(...args) {
        for await (const step of model.walk(...args)) {
          step.inputs[4].data[21] = Number.NaN;
          yield step;
        }
      },
    };
    const alone = await sweep(damaged, oneLayer);
    const pool = createPool(2, "f32", spawning().spawn);
    const report = await sweep(damaged, { ...oneLayer, concurrency: 8 }, pool.measure);
    expect(report.rows.filter(({ status }) => status === "failed")).toHaveLength(5);
    expect(report.rows.find(({ status }) => status === "failed")!.error).toMatch(/NaN at \[1, 5\]/);
    expect(toJSON(report)).toBe(toJSON(alone));
  });

  it("fails the row whose worker crashed, and goes on with a new one", async () => {
    let jobs = 0;
    const { spawn, spawned } = spawning((_, crash) => {
      if (++jobs === 5) crash(new Error("heap limit"));
    });
    const pool = createPool(2, "f32", spawn);
    const { rows } = await sweep(await tinyModel(), { ...options, concurrency: 8 }, pool.measure);
    const failed = rows.filter(({ status }) => status === "failed");
    expect(failed.map(({ error }) => error)).toEqual([
      "a worker ended before its row was measured: heap limit; use fewer --threads",
    ]);
    expect(spawned).toHaveLength(3);
  });

  it("stops at an abort, in the middle of a measurement too", async () => {
    const controller = new AbortController();
    let jobs = 0;
    const { spawn } = spawning(() => {
      if (++jobs === 3) controller.abort(new Error("enough"));
    });
    const pool = createPool(2, "f32", spawn);
    const swept = sweep(await tinyModel(), { ...options, concurrency: 8, signal: controller.signal }, pool.measure);
    await expect(swept).rejects.toThrow("enough");
    pool.close();
  });

  it("starts no worker once it is closed, though a place waits for its layer's weights", async () => {
    const [model, { spawn, spawned }] = [await tinyModel(), spawning()];
    let deliver = () => {};
    const held = new Promise<void>((resolve) => {
      deliver = resolve;
    });
    const step = await firstStep(model);
    const pool = createPool(2, "f32", spawn);
    const rows = Array.from({ length: 5 }, () =>
      pool.measure(
        step.attention,
        step.inputs[0],
        {},
        { layer: 0, part: "attention", head: null, spec: () => held.then(() => step.spec()) },
      ),
    );
    const outcomes = Promise.allSettled(rows);
    pool.close();
    deliver();
    const source = { layer: 0, part: "attention" as const, head: null, spec: step.spec };
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { message: expect.stringMatching(/closed/) } });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(pool.measure(step.attention, step.inputs[0], {}, source)).rejects.toThrow("closed");
    expect(spawned).toEqual([]);
  });

  it("sends a layer that could not be made again, so that each of its rows fails for the same reason", async () => {
    const sent: boolean[] = [];
    const { spawn } = spawning(({ spec }) => sent.push(spec !== undefined));
    const step = await firstStep(await tinyModel());
    const pool = createPool(1, "f32", spawn);
    const spec = async () => ({ ...(await step.spec()), heads: 3 });
    const measure = () =>
      pool.measure(step.attention, step.inputs[0], {}, { layer: 0, part: "attention", head: null, spec });
    const reasons = [await measure().catch(String), await measure().catch(String)];
    expect(reasons[0]).toMatch(/heads/);
    expect(reasons[1]).toBe(reasons[0]);
    expect(sent).toEqual([true, true]);
    pool.close();
  });
});
