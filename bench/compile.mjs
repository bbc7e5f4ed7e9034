// AssemblyScript to WebAssembly bytes in memory, f32, for kernels that only the benchmarks need.
import asc from "assemblyscript/asc";

export async function compile(entry, { relaxed, flags = [] }) {
  let bytes;
  const features = relaxed ? ["simd", "relaxed-simd"] : ["simd"];
  const { error } = await asc.main(
    [
      entry,
      ...["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--use", "Real=f32"],
      ...features.flatMap((feature) => ["--enable", feature]),
      ...flags,
      ...["-o", "out.wasm"],
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
  return bytes;
}
