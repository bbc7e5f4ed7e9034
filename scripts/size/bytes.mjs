// Gzipped bytes: of what an application bundles, of what a page without a bundler loads, and of each kernel binary.
import { readFile } from "node:fs/promises";
import { dirname, posix } from "node:path";
import { gzipSync } from "node:zlib";
import { minify } from "rolldown/utils";
import { rollup } from "rollup";

export const gzipped = (content) => gzipSync(content, { level: 9 }).length;

/** One module that imports what the line says, bundled, shaken and minified; what it imports at need stays apart. */
export async function bundledBytes(line) {
  const entry = "\0entry";
  const bundle = await rollup({
    input: entry,
    external: /^(@huggingface|gpt-tokenizer)/,
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? id : id.startsWith("howsmooth") ? resolved(id) : null),
        load: (id) => (id === entry ? line : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "es" });
  await bundle.close();
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]));
  let bytes = 0;
  for (const name of staticClosure(output[0], chunks)) {
    bytes += gzipped((await minify(name, chunks.get(name).code, { module: true })).code);
  }
  return bytes;
}

function resolved(id) {
  const name = id === "howsmooth" ? "index" : id.replace("howsmooth/", "");
  return posix.resolve(`dist/${name}.js`);
}

function staticClosure(chunk, chunks, found = new Set()) {
  found.add(chunk.fileName);
  for (const name of chunk.imports)
    if (chunks.has(name) && !found.has(name)) staticClosure(chunks.get(name), chunks, found);
  return found;
}

/** Of dist/'s files as they are: the module with all that it imports statically, each compressed by itself. */
export async function loadedBytes(file, loaded = new Map()) {
  if (loaded.has(file)) return 0;
  const code = await readFile(file, "utf8");
  loaded.set(file, gzipped(code));
  for (const [, path] of code.matchAll(/(?:from|import)\s*["'](\.[^"']+\.js)["']/g)) {
    await loadedBytes(posix.join(dirname(file), path), loaded);
  }
  return [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0);
}
