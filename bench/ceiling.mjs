// Compiles and times the register-only loop of assembly/bench/ceiling.ts.
import asc from "assemblyscript/asc";

export async function ceilingSpeed(relaxed) {
  let bytes;
  const features = relaxed ? ["simd", "relaxed-simd"] : ["simd"];
  const flags = features.flatMap((feature) => ["--enable", feature]);
  const { error } = await asc.main(
    [
      "assembly/bench/ceiling.ts",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--importMemory",
      "--use",
      "Real=f32",
      ...flags,
      "-o",
      "ceiling.wasm",
    ],
    {
      writeFile(name, contents) {
        if (name.endsWith(".wasm")) bytes = contents;
      },
      stdout: process.stderr,
      stderr: process.stderr,
    },
  );
  if (error) throw error;
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
