// Bundles src/ into dist/: one ES module a sub-path, which leaves the optional tokenizers to the user, and the
// command, which carries all that it needs.
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import nodeResolve from "@rollup/plugin-node-resolve";
import ts from "typescript";

/** Strips types file by file; the type check is tsc's. */
const typescript = {
  name: "typescript",
  resolveId(source, importer) {
    if (!importer || !source.startsWith(".") || !source.endsWith(".js")) return null;
    const file = resolve(dirname(importer), source.replace(/\.js$/, ".ts"));
    return existsSync(file) ? file : null;
  },
  transform(code, id) {
    if (!id.endsWith(".ts")) return null;
    const { outputText, sourceMapText } = ts.transpileModule(code, {
      fileName: id,
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        sourceMap: true,
        verbatimModuleSyntax: true,
      },
    });
    return { code: outputText.replace(/\/\/# sourceMappingURL=.*\n?$/, ""), map: sourceMapText };
  },
};

const library = {
  input: {
    index: "src/index.ts",
    models: "src/models/index.ts",
    analysis: "src/analysis/index.ts",
    report: "src/report/index.ts",
  },
  external: [/^node:/, /^@huggingface\/tokenizers/, /^gpt-tokenizer/],
  plugins: [typescript, nodeResolve()],
  output: { dir: "dist", format: "es", sourcemap: true, chunkFileNames: "chunks/[name]-[hash].js" },
};

const command = {
  input: { cli: "src/cli/main.ts" },
  external: [/^node:/],
  plugins: [typescript, nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json()],
  output: {
    dir: "dist",
    format: "es",
    banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
    chunkFileNames: "command/[name]-[hash].js",
  },
};

export default [library, command];
