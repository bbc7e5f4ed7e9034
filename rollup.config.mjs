// Bundles src/ into dist/. The library: one ES module a sub-path, its kernels embedded; the same for edge runtimes,
// where the kernels are static imports of .wasm files; and one classic script for pages opened from disk. The command
// carries all that it needs.
import { existsSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { basename, dirname, posix, resolve } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import nodeResolve from "@rollup/plugin-node-resolve";
import { minify } from "rolldown/utils";
import ts from "typescript";

const transpiled = new Map();

/** Strips types and comments file by file; the type check is tsc's, and the docstrings are in the declarations. */
const typescript = {
  name: "typescript",
  resolveId(source, importer) {
    if (!importer || !source.startsWith(".") || !source.endsWith(".js")) return null;
    const file = resolve(dirname(importer), source.replace(/\.js$/, ".ts"));
    return existsSync(file) ? file : null;
  },
  transform(code, id) {
    if (!id.endsWith(".ts")) return null;
    if (!transpiled.has(id)) {
      const { outputText, sourceMapText } = ts.transpileModule(code, {
        fileName: id,
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ESNext,
          removeComments: true,
          sourceMap: true,
          verbatimModuleSyntax: true,
        },
      });
      transpiled.set(id, { code: outputText.replace(/\/\/# sourceMappingURL=.*\n?$/, ""), map: sourceMapText });
    }
    return transpiled.get(id);
  },
};

/** Stands for dist/kernels/ until it is known where a chunk lies. */
const kernelFolder = "howsmooth-kernels/";

/** Takes importedKernels.ts for embeddedKernels.ts, and leaves its .wasm files to the edge platform's bundler. */
const importedKernels = (suffix) => ({
  name: "imported-kernels",
  resolveId(source, importer) {
    if (source === "./embeddedKernels.js") return resolve(dirname(importer), "importedKernels.ts");
    if (source.endsWith(".wasm")) return { id: `${kernelFolder}${basename(source)}${suffix}`, external: true };
    return null;
  },
  renderChunk(code, { fileName }) {
    const up = posix.relative(dirname(`edge/${fileName}`), "kernels");
    return { code: code.replaceAll(kernelFolder, `${up}/`), map: null };
  },
});

/** Takes noThreads.ts for threads.ts. */
const noThreads = {
  name: "no-threads",
  resolveId(source, importer) {
    return source === "./threads.js" ? resolve(dirname(importer), "noThreads.ts") : null;
  },
};

/** For those who load the files as they are; a source map leads back to src/. */
const minified = {
  name: "minified",
  async renderChunk(code, chunk) {
    const { code: short, map, errors } = await minify(chunk.fileName, code, { sourcemap: true });
    if (errors.length > 0) throw new Error(errors[0].message);
    return { code: short, map };
  },
};

/** What an earlier build left is not published. After the new files are there, so that dist/ works at any time. */
const swept = {
  name: "swept",
  async writeBundle({ dir }, bundle) {
    const folders = new Set(Object.keys(bundle).map((file) => dirname(file)));
    for (const folder of folders) {
      if (folder === ".") continue;
      for (const file of await readdir(`${dir}/${folder}`)) {
        if (!(`${folder}/${file}` in bundle)) await rm(`${dir}/${folder}/${file}`, { force: true });
      }
    }
  },
};

/** The kernels as files, for static imports. */
const kernelFiles = {
  name: "kernel-files",
  async writeBundle() {
    await cp("build/kernels", "dist/kernels", { recursive: true });
  },
};

const tokenizers = [/^gpt-tokenizer/];

const library = (dir, ...plugins) => ({
  input: {
    index: "src/index.ts",
    models: "src/models/index.ts",
    analysis: "src/analysis/index.ts",
    report: "src/report/index.ts",
  },
  external: tokenizers,
  plugins: [...plugins, typescript, nodeResolve(), minified, swept],
  output: {
    dir,
    format: "es",
    sourcemap: true,
    chunkFileNames: "chunks/[name]-[hash].js",
  },
});

const page = {
  input: "src/iife.ts",
  external: tokenizers,
  plugins: [noThreads, typescript, nodeResolve(), minified],
  output: {
    file: "dist/howsmooth.iife.js",
    format: "iife",
    name: "howsmooth",
    sourcemap: true,
    inlineDynamicImports: true,
  },
};

const command = {
  input: { cli: "src/cli/main.ts" },
  external: [/^node:/],
  plugins: [typescript, nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json(), swept],
  output: {
    dir: "dist",
    format: "es",
    banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
    chunkFileNames: "command/[name]-[hash].js",
  },
};

export default [
  library("dist", kernelFiles),
  library("dist/workerd", importedKernels(""), noThreads),
  library("dist/edge-light", importedKernels("?module"), noThreads),
  page,
  command,
];
