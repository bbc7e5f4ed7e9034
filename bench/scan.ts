// Whether a kernel's time depends on where the stack lies: a register tile that the engine keeps partly on the stack is
// several times slower where a slot straddles two pages. One JᵀJ of attention at n = 64 and one product of matrices, at
// each of 512 offsets over a page, with every binary that this engine runs: npm run bench:scan.

import { readFileSync } from "node:fs";
import { WasmAttention } from "../src/device/wasm/attention.js";
import { webAssembly } from "../src/device/wasm/compile.js";
import { WasmDevice } from "../src/device/wasm/device.js";
import { WasmRuntime } from "../src/device/wasm/runtime.js";
import { resolveSpec } from "../src/layers/attention/spec.js";
import { gaussianLayer } from "./layer.mjs";

/** Words of 8 bytes in a page: an argument more moves the frames below it by one. */
const OFFSETS = 512;
/** The slowest offset may take this many times the median. */
const ALLOWED = 1.5;

const relaxedProbe = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0],
  ...[10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11],
);
const builds = webAssembly().validate(relaxedProbe) ? ["simd", "relaxed"] : ["simd"];

/** Calls work() with the stack moved by so many words; the fastest of five. */
function at(offset: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  const call = (..._moved: number[]) => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  for (let run = 0; run < 5; run++) best = Math.min(best, call.apply(undefined, new Array(offset).fill(0)));
  return best;
}

function scan(label: string, work: () => void): boolean {
  for (let run = 0; run < 50; run++) work();
  const times = Array.from({ length: OFFSETS }, (_, offset) => at(offset, work));
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[OFFSETS / 2];
  const worst = sorted[OFFSETS - 1];
  // The times of a busy machine are measured again before they count.
  const slow = times.flatMap((time, offset) =>
    time > ALLOWED * median && at(offset, work) > ALLOWED * median && at(offset, work) > ALLOWED * median
      ? [offset]
      : [],
  );
  const verdict = slow.length === 0 ? "" : `, slow each time at ${slow.join(", ")}`;
  console.log(`${label}: median ${median.toFixed(2)} ms, worst/median ${(worst / median).toFixed(2)}${verdict}`);
  return slow.length === 0;
}

let passed = true;
for (const dtype of ["f32", "f64"] as const) {
  for (const simd of builds) {
    const kernels = new Uint8Array(readFileSync(new URL(`../build/kernels/${dtype}-${simd}.wasm`, import.meta.url)));
    const runtime = await WasmRuntime.create({ requested: "wasm", dtype, kernels });
    const device = new WasmDevice(runtime.kernels, runtime.heap);
    const { spec, x } = gaussianLayer({ d: 768, heads: 12, std: 0.02, mask: "causal", seed: 1, n: 64 });
    const layer = new WasmAttention(device, resolveSpec(spec));
    const lease = device.lease();
    const input = lease.vector([64, 768], "the input");
    device.write(input, x.data);
    const { operator } = await layer.linearize(input, lease);
    const [u, y] = [lease.vector([64, 768], "a tangent"), lease.vector([64, 768], "a tangent")];
    device.write(u, x.data);
    const application = () => {
      operator.jvp(u, y);
      operator.vjp(y, u);
    };
    application();
    // Scaled down, so that numbers stay in range however often J is applied.
    device.write(u, x.data, 1e-6);
    passed =
      scan(`${dtype}-${simd}, JᵀJ at n = 64`, () => {
        device.write(u, x.data);
        application();
      }) && passed;
    lease.dispose();
    runtime.dispose();
  }
}
if (!passed) process.exitCode = 1;
