// Compiles the AssemblyScript kernels, four binaries from one source and four more for teams of threads, and embeds each
// as base64 in a module of its own, and what the host must know of them in another.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import asc from "assemblyscript/asc";
import { asModule, readAbi } from "./abi.mjs";

const embedded = "src/device/wasm/kernels";
const targets = ["f32-simd", "f32-relaxed", "f64-simd", "f64-relaxed"];
await mkdir(embedded, { recursive: true });
// What was compiled from the same sources, by the same compiler, is not compiled again.
const stamp = "build/kernels/sources.sha256";
const sources = await hashOf(["asconfig.json", "package-lock.json", "scripts", "assembly"]);
const isThere = async (file) => (await readFile(file).catch(() => undefined)) !== undefined;
const made = targets.flatMap((target) => [target, `${target}-threads`]);
const files = [
  `${embedded}/abi.ts`,
  ...made.flatMap((name) => [`${embedded}/${name}.ts`, `build/kernels/${name}.wasm`]),
];
const isMade = (await readFile(stamp, "utf8").catch(() => "")) === sources;
if (isMade && (await Promise.all(files.map(isThere))).every(Boolean)) process.exit();
const abi = await readAbi();
await replace(`${embedded}/abi.ts`, asModule(abi));
const common = ["--config", "asconfig.json", "--use", `ABI=${abi.hash}`];
const threads = ["--enable", "threads", "--sharedMemory", "--maximumMemory", "65535"];
for (const target of targets) {
  const team = `${target}-threads`;
  await make(target, target, ["assembly/index.ts"]);
  await make(team, target, ["assembly/threads.ts", ...threads, "--outFile", `build/kernels/${team}.wasm`]);
}

await replace(stamp, sources);

/** Of the files, and of all files in the folders. */
async function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const inside = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
    const files = inside
      ? inside.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
      : [path];
    for (const file of files.sort()) hash.update(`${file}\n`).update(await readFile(file));
  }
  return hash.digest("hex");
}

async function make(name, target, args) {
  const { error, stdout, stderr } = await asc.main([...args, ...common, "--target", target], {
    writeFile: async (file, contents) => {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, contents);
    },
  });
  if (error) {
    process.stderr.write(`${stdout}${stderr}\n${error.message}\n`);
    process.exit(1);
  }
  const bytes = await readFile(`build/kernels/${name}.wasm`);
  const code = `// Made by scripts/kernels.mjs from assembly/.\nexport default "${bytes.toString("base64")}";\n`;
  await replace(`${embedded}/${name}.ts`, code);
  process.stdout.write(`${name}: ${bytes.length} bytes\n`);
}

/** Whoever reads the file meanwhile has the old one or the new one. */
async function replace(file, code) {
  await writeFile(`${file}.tmp`, code);
  await rename(`${file}.tmp`, file);
}
