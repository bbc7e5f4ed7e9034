// Symbol.dispose on everything that holds memory.
import { afterEach, describe, expect, it, vi } from "vitest";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { randomModel } from "../../src/models/index.js";

const one = { weight: { data: Float64Array.of(1), shape: [1, 1] } };
const x = { data: Float64Array.of(1, 2), shape: [2, 1] };
const gain = { data: Float64Array.of(1), shape: [1] };

describe("Symbol.dispose", () => {
  it("disposes of a runtime, of layers and of a linearization", async () => {
    const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
    const layer = runtime.attention({ heads: 1, query: one, key: one, value: one });
    const at = await layer.linearize(x);
    at[Symbol.dispose]();
    await expect(at.jvp(x)).rejects.toThrow(/disposed/);
    for (const made of [layer, runtime.linear(one), runtime.norm({ kind: "rms", gain, epsilon: 0 })]) {
      made[Symbol.dispose]();
      await expect(made.forward(x)).rejects.toThrow(/disposed/);
    }
    runtime[Symbol.dispose]();
    expect(() => runtime.linear(one)).toThrow(/disposed/);
  });

  it("disposes of a model", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const model = await randomModel("gpt2", { runtime, layers: 1, width: 8, heads: 2, seed: 0 });
    model[Symbol.dispose]();
    await expect(model.trace([1, 2], { layers: [0] })).rejects.toThrow(/disposed/);
    runtime.dispose();
  });
});

describe("where the runtime has no Symbol.dispose", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it("dispose() is all there is, and no method has a made-up name", async () => {
    const make = Symbol;
    const names = Object.getOwnPropertyNames(Symbol).filter((name) => name.endsWith("terator"));
    const symbols = Object.fromEntries(names.map((name) => [name, Reflect.get(Symbol, name)]));
    vi.stubGlobal(
      "Symbol",
      Object.assign((name: string) => make(name), symbols),
    );
    vi.resetModules();
    const { Held } = await import("../../src/base/disposable.js");
    expect(Object.getOwnPropertyNames(Held.prototype)).toEqual(["constructor"]);
  });
});
