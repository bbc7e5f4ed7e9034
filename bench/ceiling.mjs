// Times the register-only loop of assembly/bench/ceiling.ts.
import { compile } from "./compile.mjs";

export async function ceilingSpeed(relaxed) {
  const bytes = await compile("assembly/bench/ceiling.ts", { relaxed });
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const steps = 10_000_000;
  const times = [];
  for (let run = 0; run < 9; run++) {
    const start = performance.now();
    instance.exports.ceiling(steps, 64);
    times.push(performance.now() - start);
  }
  return (steps * 12 * 4 * 2) / times.sort((a, b) => a - b)[4] / 1e6;
}
