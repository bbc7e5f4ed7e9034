import { beforeAll, describe, expect, it } from "vitest";
import { architectureOf } from "../../src/models/architectures/architectures.js";
import { ConfigFile } from "../../src/models/architectures/config.js";
import { Transformer } from "../../src/models/forward/transformer.js";
import type { WeightSource } from "../../src/models/forward/weights.js";
import type { Model, WalkStep } from "../../src/models/index.js";
import { initialise } from "../../src/models/random/initialisation.js";
import { noTokenizer } from "../../src/models/tokenizer.js";
import { type ReferenceRuntime, referenceRuntime } from "../reference/runtime.js";

const layers = 4;
const windows = [[1, 2, 3], [4], [5, 6, 0, 1, 2]];

/** A random model that writes down every tensor that it reads. */
function recordedModel(runtime: ReferenceRuntime) {
  const read: string[] = [];
  const inner = initialise("gpt2", 0, layers);
  const weights: WeightSource = {
    has: (name) => inner.has(name),
    shape: (name) => inner.shape(name),
    require: (name, shape) => inner.require(name, shape),
    tensor: (name) => {
      read.push(name.replace("transformer.", ""));
      return inner.tensor(name);
    },
    rows: (name, ids) => {
      read.push(`${name.replace("transformer.", "")} ${ids.join(" ")}`);
      return inner.rows(name, ids);
    },
  };
  const config = { model_type: "gpt2", n_layer: layers, n_head: 2, n_embd: 8, n_positions: 6, vocab_size: 7 };
  const text = { reason: noTokenizer("a test needs none") };
  const file = new ConfigFile(config);
  const model = new Transformer(architectureOf(file)(file, weights), { source: "test" }, text, runtime);
  return { model, read };
}

async function steps(model: Model, wanted: number[]): Promise<WalkStep[]> {
  const found: WalkStep[] = [];
  for await (const step of model.walk(windows, { layers: wanted })) found.push(step);
  return found;
}

describe("walk", () => {
  it("yields ascending layers, each window's inputs as a trace of it has them", async () => {
    const { model } = recordedModel(referenceRuntime());
    const found = await steps(model, [3, 0, 1]);
    expect(found.map(({ layer }) => layer)).toEqual([0, 1, 3]);
    for (const [at, window] of windows.entries()) {
      const trace = await model.trace(window, { layers: [0, 1, 3], hidden: true });
      for (const { layer, inputs, hidden } of found) {
        expect(inputs[at].shape).toEqual([window.length, 8]);
        expect(inputs[at]).toEqual(trace.get(layer));
        expect(hidden[at]).toEqual(trace.hidden.get(layer));
      }
    }
  });

  it("is causal: a longer window begins as a shorter one does", async () => {
    const { model } = recordedModel(referenceRuntime());
    const long = (await model.trace([5, 6, 0, 1, 2], { layers: [3] })).get(3)!;
    const short = (await model.trace([5, 6], { layers: [3] })).get(3)!;
    expect(long.data.slice(0, 16)).toEqual(short.data);
  });

  it("reads each weight once, block by block, and nothing that is not needed", async () => {
    const { model, read } = recordedModel(referenceRuntime());
    const walk = model.walk(windows, { layers: [0, 2] })[Symbol.asyncIterator]();
    expect(read).toEqual([]);
    await walk.next();
    expect(read.splice(0)).toEqual([
      "wte.weight 0 1 2 3 4 5 6",
      "wpe.weight 0 1 2 3 4",
      "h.0.ln_1.weight",
      "h.0.ln_1.bias",
    ]);
    await walk.next();
    const blocks = read.map((name) => name.slice(0, 4));
    expect(blocks).toEqual([...Array(10).fill("h.0."), ...Array(12).fill("h.1."), ...Array(2).fill("h.2.")]);
    expect(read.slice(-2)).toEqual(["h.2.ln_1.weight", "h.2.ln_1.bias"]);
    expect(new Set(read).size).toBe(read.length);
    read.length = 0;
    expect((await walk.next()).done).toBe(true);
    expect(read).toEqual([]);
  });

  it("hands out the weights of a layer, read once, which make the same layer on another runtime", async () => {
    const { model, read } = recordedModel(referenceRuntime());
    for await (const { layer, attention, spec, inputs } of model.walk(windows, { layers: [0, 1] })) {
      const elsewhere = referenceRuntime().attention(await spec());
      expect(await elsewhere.forward(inputs[2])).toEqual(await attention.forward(inputs[2]));
      expect(await spec()).toBe(await spec());
      expect(read.filter((name) => name.startsWith(`h.${layer}.attn`))).toHaveLength(4);
    }
  });

  it("lets the host run its events while later layers are made", async () => {
    const { model, read } = recordedModel(referenceRuntime());
    const controller = new AbortController();
    const walk = model.walk(Array(2000).fill([1, 2, 3, 4, 5, 6]), { layers: [0, 3], signal: controller.signal });
    const steps = walk[Symbol.asyncIterator]();
    await steps.next();
    setTimeout(() => controller.abort(new Error("from a timer")), 1);
    await expect(steps.next()).rejects.toThrow("from a timer");
    expect(read.some((name) => name.startsWith("h.3"))).toBe(false);
  });

  it("holds one block's layers at a time and leaves none behind, finished, left early or failed", async () => {
    const runtime = referenceRuntime();
    const { model } = recordedModel(runtime);
    for await (const { attention, inputs } of model.walk(windows, { layers: [0, 1, 2, 3] })) {
      await attention.forward(inputs[0]);
      // The attention, and the norm in front of it.
      expect(runtime.alive).toBe(2);
    }
    expect(runtime.alive).toBe(0);
    for await (const { attention, inputs } of model.walk(windows, { layers: [1, 3] })) {
      await attention.linearize(inputs[0]);
      break;
    }
    expect(runtime.alive).toBe(0);
    const failing = {
      ...runtime,
      feedForward: () => {
        throw new Error("the device was lost");
      },
    };
    await expect(steps(recordedModel(failing).model, [2])).rejects.toThrow("the device was lost");
    expect(runtime.alive).toBe(0);
  });

  it("stops at an abort between steps", async () => {
    const { model, read } = recordedModel(referenceRuntime());
    const controller = new AbortController();
    const walk = model.walk(windows, { layers: [0, 3], signal: controller.signal })[Symbol.asyncIterator]();
    await walk.next();
    controller.abort(new Error("enough"));
    await expect(walk.next()).rejects.toThrow("enough");
    expect(read.some((name) => name.includes("mlp"))).toBe(false);
  });
});

describe("attention", () => {
  it("reads its weights at first use, once", async () => {
    const runtime = referenceRuntime();
    const { model, read } = recordedModel(runtime);
    const x = (await model.trace(windows[0], { layers: [2] })).get(2)!;
    read.length = 0;
    const attention = model.attention(2);
    expect([attention.dIn, attention.dOut, read.length]).toEqual([8, 8, 0]);
    const [y, again] = await Promise.all([attention.forward(x), attention.forward(x)]);
    expect(y).toEqual(again);
    expect(read).toEqual(
      ["attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias"].map((n) => `h.2.${n}`),
    );
    attention.dispose();
    expect(runtime.alive).toBe(0);
    await expect(attention.forward(x)).rejects.toThrow(/disposed/);
  });

  it("disposed of while its weights are read, leaves nothing on the device", async () => {
    const runtime = referenceRuntime();
    const { model } = recordedModel(runtime);
    const x = (await model.trace(windows[0], { layers: [0] })).get(0)!;
    const attention = model.attention(0);
    const pending = attention.forward(x);
    attention.dispose();
    await expect(pending).rejects.toThrow(/disposed/);
    expect(runtime.alive).toBe(0);
  });

  it("tries again after a failure", async () => {
    const runtime = referenceRuntime();
    let failures = 1;
    const flaky: ReferenceRuntime = {
      ...runtime,
      attention: (spec) => {
        if (failures-- > 0) throw new Error("out of memory");
        return runtime.attention(spec);
      },
    };
    const { model } = recordedModel(flaky);
    const x = (await model.trace(windows[0], { layers: [0] })).get(0)!;
    const attention = model.attention(0);
    await expect(attention.forward(x)).rejects.toThrow("out of memory");
    expect((await attention.forward(x)).shape).toEqual([3, 8]);
  });
});

describe("wrong arguments are refused before any work", () => {
  let model: Model;
  let read: string[];
  beforeAll(() => {
    ({ model, read } = recordedModel(referenceRuntime()));
  });

  it.each<[string, unknown, unknown, RegExp]>([
    ["no token", [], { layers: [0] }, /"tokens": expected 1 to 6 tokens \(this model's context\), got 0/],
    ["more than the context", [0, 1, 2, 3, 4, 5, 6], { layers: [0] }, /"tokens": expected 1 to 6 tokens .*, got 7/],
    ["a token past the vocabulary", [0, 7], { layers: [0] }, /"tokens\[1\]": expected an integer from 0 to 6, got 7/],
    ["a negative token", [-1], { layers: [0] }, /"tokens\[0\]"/],
    ["a fractional token", [0.5], { layers: [0] }, /"tokens\[0\]"/],
    ["no layer", [0], { layers: [] }, /"layers": expected at least one layer/],
    ["a layer past the last", [0], { layers: [1, 4] }, /"layers\[1\]": expected an integer from 0 to 3, got 4/],
    ["a negative layer", [0], { layers: [-1] }, /"layers\[0\]"/],
  ])("RangeError: %s", async (_, tokens, options, message) => {
    const failure = await model.trace(tokens as number[], options as { layers: number[] }).catch((error) => error);
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure.message).toMatch(message);
    expect(read).toEqual([]);
  });

  it.each<[string, unknown, unknown]>([
    ["tokens that are no array", 7, { layers: [0] }],
    ["a token that is no number", ["a"], { layers: [0] }],
    ["layers that are no array", [0], { layers: 0 }],
    ["no options", [0], undefined],
    ["an unknown option", [0], { layers: [0], hiden: true }],
  ])("TypeError: %s", async (_, tokens, options) => {
    await expect(model.trace(tokens as number[], options as { layers: number[] })).rejects.toThrow(TypeError);
    expect(read).toEqual([]);
  });

  it("names the window", () => {
    expect(() => model.walk([[1], [1, 9]], { layers: [0] })).toThrow(/"windows\[1\]\[1\]": expected .* got 9/);
    expect(() => model.walk([[1], []], { layers: [0] })).toThrow(/"windows\[1\]": expected 1 to 6 tokens/);
    expect(() => model.walk([], { layers: [0] })).toThrow(/"windows": expected at least one window/);
    expect(() => model.attention(4)).toThrow(/"layer": expected an integer from 0 to 3, got 4/);
    expect(() => model.encode(7 as never)).toThrow(TypeError);
  });

  it("refuses work after it was disposed of", async () => {
    const disposed = recordedModel(referenceRuntime()).model;
    disposed.dispose();
    expect(() => disposed.attention(0)).toThrow(/model was disposed of/);
    await expect(disposed.trace([0], { layers: [0] })).rejects.toThrow(/model was disposed of/);
  });
});
