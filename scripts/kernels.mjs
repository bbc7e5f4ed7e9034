// Compiles the AssemblyScript kernels (four binaries from one source) and embeds them as base64, one module a dtype.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import asc from "assemblyscript/asc";

const embedded = "src/device/wasm/kernels";
await mkdir(embedded, { recursive: true });
for (const dtype of ["f32", "f64"]) {
  const parts = [];
  for (const simd of ["simd", "relaxed"]) {
    const target = `${dtype}-${simd}`;
    const { error, stdout, stderr } = await asc.main(["--config", "asconfig.json", "--target", target], {
      writeFile: async (name, contents) => {
        await mkdir(dirname(name), { recursive: true });
        await writeFile(name, contents);
      },
    });
    if (error) {
      process.stderr.write(`${stdout}${stderr}\n${error.message}\n`);
      process.exit(1);
    }
    const bytes = await readFile(`build/kernels/${target}.wasm`);
    parts.push(`export const ${simd} =\n  "${bytes.toString("base64")}";`);
    process.stdout.write(`${target}: ${bytes.length} bytes\n`);
  }
  const file = `${embedded}/${dtype}.ts`;
  await writeFile(`${file}.tmp`, `// Made by scripts/kernels.mjs from assembly/.\n${parts.join("\n")}\n`);
  await rename(`${file}.tmp`, file);
}
