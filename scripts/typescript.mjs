// Lets node run TypeScript: `node --import ./scripts/typescript.mjs FILE.ts`. Types are stripped file by file by the
// compiler that checks them, and a relative import of a .js file that is not there is one of the .ts file beside it.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";

// Node runs the two hooks below in a thread of their own, which reads this file again.
if (isMainThread) register(import.meta.url);

const options = { module: "esnext", target: "es2022", verbatimModuleSyntax: true, inlineSourceMap: true };

export async function resolve(specifier, context, next) {
  if (/^\.{1,2}\/.*\.js$/.test(specifier) && context.parentURL?.startsWith("file:")) {
    const script = new URL(specifier.replace(/\.js$/, ".ts"), context.parentURL);
    if (!existsSync(new URL(specifier, context.parentURL)) && existsSync(script)) return next(script.href, context);
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return next(url, context);
  const { default: typescript } = await import("typescript");
  const compilerOptions = typescript.convertCompilerOptionsFromJson(options, ".").options;
  const text = await readFile(new URL(url), "utf8");
  const { outputText } = typescript.transpileModule(text, { compilerOptions, fileName: fileURLToPath(url) });
  return { format: "module", source: outputText, shortCircuit: true };
}
