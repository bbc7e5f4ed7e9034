// GFLOP/s of the WebGPU matrix products alone: their kernels straight from src/, operands on the GPU, several to a
// submit so that the round trip does not count.
import { rolldown } from "rolldown";

const SOURCE = new URL("../src/device/webgpu/", import.meta.url);
/** Work of one submit, in seconds, once it is known how fast the GPU is. */
const SECONDS = 0.1;

async function kernels() {
  const code = ["gpu", "gemm"].map(
    (name) => `export * from ${JSON.stringify(new URL(`${name}.ts`, SOURCE).pathname)};`,
  );
  const entry = "\0entry";
  const bundle = await rolldown({
    input: entry,
    platform: "neutral",
    resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? code.join("\n") : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}

/** Of A·B and A·Bᵀ, for each of [rows, columns, depth], by fours and number by number. */
export async function productSpeeds(device, shapes) {
  const { Gpu, MULTIPLY, MULTIPLY_TRANSPOSED } = await kernels();
  const gpu = new Gpu(device, false, Number.POSITIVE_INFINITY);
  const rows = [];
  for (const [m, n, k] of shapes) {
    const region = gpu.region();
    const views = {
      a: region.upload(
        Float32Array.from({ length: m * k }, (_, at) => (at % 13) - 6),
        "a",
      ),
      b: region.upload(
        Float32Array.from({ length: k * n }, (_, at) => (at % 7) - 3),
        "b",
      ),
      c: region.words(m * n, "c"),
    };
    const sizes = { rows: m, columns: n, depth: k, biased: 0, scaled: 0, factorBits: 0 };
    for (const [name, gemm] of Object.entries({ A·B: MULTIPLY, A·Bᵀ: MULTIPLY_TRANSPOSED })) {
      const speeds = {};
      for (const [way, kernel, tile] of [
        ["wide", gemm.wide, 64],
        ["plain", gemm.plain, 32],
      ]) {
        const run = async (count) => {
          const start = performance.now();
          for (let i = 0; i < count; i++) {
            const groups = [Math.ceil(n / tile), Math.ceil(m / 32)];
            gpu.batch.dispatch(kernel, groups, { ...views, bias: views.a }, sizes);
          }
          await gpu.flush([{ ...views.c, size: 16 }]);
          return (performance.now() - start) / 1000;
        };
        await run(1);
        const count = Math.max(1, Math.min(1000, Math.round(SECONDS / (await run(1)))));
        const seconds = [];
        for (let i = 0; i < 3; i++) seconds.push((await run(count)) / count);
        speeds[way] = (2 * m * n * k) / seconds.sort((p, q) => p - q)[1] / 1e9;
      }
      rows.push({ shape: `${m} × ${k} · ${k} × ${n}`, name, speeds });
    }
    region.free();
  }
  gpu.dispose();
  return rows;
}
