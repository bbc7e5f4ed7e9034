// The machine's ceiling: the register-only multiply-add loop of assembly/bench/ceiling.ts.
import { compile } from "./compile.mjs";
import { processorTime } from "./layer.mjs";

const steps = 2_000_000;
const flops = steps * 12 * 4 * 2;

/** A function that runs the loop once, some milliseconds, and returns its GFLOP/s: to be called beside what is measured. */
export async function ceilingLoop(relaxed) {
  const bytes = await compile("assembly/bench/ceiling.ts", { relaxed });
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return () => {
    const start = processorTime();
    instance.exports.ceiling(steps, 64);
    return flops / (processorTime() - start) / 1e6;
  };
}
