// GFLOP/s of the packed GEMM on row-major operands, straight on the kernels.

const MR = 6;
const ROW = 32;
const WORD = 4;

export async function gemmSpeed(kernels, kind, m, n, k) {
  const memory = new WebAssembly.Memory({ initial: 4096, maximum: 65536 });
  const { instance } = await WebAssembly.instantiate(kernels, { env: { memory, abort() {} } });
  const { packStrips, packPanels, multiply, setEdgeTile } = instance.exports;
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
  const strips = reals((m + MR) * k);
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
  const product = () => multiply(m, n, k, strips, panels, k * ROW, c, n * WORD, ROW, 0);
  const total = [];
  const alone = [];
  const runs = Math.max(5, Math.min(60, Math.round(3e9 / (2 * m * n * k))));
  for (let run = -3; run < runs; run++) {
    const start = performance.now();
    pack();
    const packed = performance.now();
    product();
    const done = performance.now();
    if (run < 0) continue;
    total.push(done - start);
    alone.push(done - packed);
  }
  const speed = (times) => (2 * m * n * k) / times.sort((p, q) => p - q)[times.length >> 1] / 1e6;
  return { total: speed(total), product: speed(alone) };
}
