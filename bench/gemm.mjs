// GFLOP/s of the packed GEMM on row-major operands, straight on the kernels, and of the ceiling in turn with it.
import { middle, processorTime } from "./layer.mjs";

/** Square shapes, those that attention has, and ragged ones beside the shapes that they are nearly (0.85 of their aim). */
export const shapes = [
  { kind: "A·B", m: 256, n: 256, k: 256, aim: 0.9 },
  { kind: "A·B", m: 512, n: 512, k: 512, aim: 0.9 },
  { kind: "A·B", m: 1024, n: 1024, k: 1024, aim: 0.9 },
  { kind: "A·Bᵀ", m: 1024, n: 1024, k: 64, aim: 0.8 },
  { kind: "A·B", m: 1024, n: 64, k: 1024, aim: 0.8 },
  { kind: "Aᵀ·B", m: 1024, n: 64, k: 1024, aim: 0.8 },
  { kind: "A·B", m: 1024, n: 2304, k: 768, aim: 0.8 },
  { kind: "A·B", m: 509, n: 511, k: 503, aim: 0.85 * 0.9 },
  { kind: "A·Bᵀ", m: 1021, n: 1019, k: 61, aim: 0.85 * 0.8 },
  { kind: "A·B", m: 1021, n: 61, k: 1019, aim: 0.85 * 0.8 },
];

const ROW = 32;
const WORD = 4;

/** Medians over runs in turn: with and without the packing, and `ceiling` (ceiling.mjs) beside them. */
export async function gemmSpeed(kernels, { kind, m, n, k }, ceiling) {
  const memory = new WebAssembly.Memory({ initial: 4096, maximum: 65536 });
  const { instance } = await WebAssembly.instantiate(kernels, { env: { memory, abort() {} } });
  const { describe, packStrips, packPanels, multiply, setEdgeTile } = instance.exports;
  const rows = (describe() >>> 6) & 15;
  let end = 4096;
  const reals = (count) => {
    const at = end;
    end = Math.ceil((end + count * WORD) / 64) * 64;
    return at;
  };
  setEdgeTile(reals(48));
  const a = reals(m * k);
  const b = reals(k * n);
  const c = reals(m * n);
  const strips = reals((m + rows) * k);
  const panels = reals((n + 8) * k);
  for (const [at, count] of [
    [a, m * k],
    [b, k * n],
  ]) {
    const view = new Float32Array(memory.buffer, at, count);
    for (let i = 0; i < count; i++) view[i] = ((i * 7) % 13) - 6;
  }
  const transposeA = kind.startsWith("Aᵀ");
  const transposeB = kind.endsWith("Bᵀ");
  const pack = () => {
    packStrips(m, k, a, transposeA ? WORD : k * WORD, transposeA ? m * WORD : WORD, strips);
    packPanels(k, n, b, transposeB ? WORD : n * WORD, transposeB ? k * WORD : WORD, panels, k * ROW);
  };
  const compute = () => multiply(m, n, k, strips, panels, k * ROW, c, n * WORD, ROW, 0);
  const total = [];
  const product = [];
  const top = [];
  const flops = 2 * m * n * k;
  const runs = Math.max(5, Math.min(60, Math.round(3e9 / flops)));
  for (let run = -3; run < runs; run++) {
    const speed = ceiling();
    const start = processorTime();
    pack();
    const packed = processorTime();
    compute();
    const done = processorTime();
    if (run < 0) continue;
    top.push(speed);
    total.push(flops / (done - start) / 1e6);
    product.push(flops / (done - packed) / 1e6);
  }
  return { total: middle(total), product: middle(product), ceiling: middle(top) };
}
