// What the tarball says of itself: its exports, its declarations, what it holds and what it asks for.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { parseAst } from "rollup/parseAst";
import { describe, expect, it } from "vitest";
import { consumer, packages } from "./places.js";

const run = promisify(execFile);
const installed = `${consumer}node_modules/howsmooth/`;
const manifest = JSON.parse(readFileSync(`${installed}package.json`, "utf8"));

const outcome = async (program: string, ...args: string[]) => {
  const { stdout } = await run(process.execPath, [`${packages}${program}`, ...args], { cwd: consumer }).catch(
    (error) => error as { stdout: string },
  );
  return stdout;
};

describe("declarations", () => {
  it.each([
    ["node16", "node16"],
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])("compile with lib es2022, no types and moduleResolution %s", async (moduleResolution, module) => {
    const compilerOptions = {
      ...{ target: "es2022", lib: ["es2022"], types: [], strict: true, noEmit: true, skipLibCheck: false },
      ...{ exactOptionalPropertyTypes: true, module, moduleResolution },
    };
    const config = `tsconfig.${moduleResolution}.json`;
    writeFileSync(`${consumer}${config}`, JSON.stringify({ compilerOptions, files: ["types.ts"] }));
    expect(await outcome("typescript/bin/tsc", "-p", config)).toBe("");
  });
});

describe("package.json", () => {
  it("satisfies publint", async () => {
    const { messages } = await publint({ pkgDir: installed, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  it("satisfies attw for ES modules", async () => {
    const tarball = readdirSync(consumer).find((file) => file.endsWith(".tgz"))!;
    const subPaths = Object.keys(manifest.exports).filter((path) => manifest.exports[path].types);
    const args = [tarball, "--profile", "esm-only", "--format", "json", "--entrypoints", ...subPaths];
    const { analysis, problems } = JSON.parse(await outcome("@arethetypeswrong/cli/dist/index.js", ...args));
    expect(Object.keys(analysis.entrypoints)).toEqual(subPaths);
    // Its JSON holds the resolutions that the profile leaves out, too: without exports, and from CommonJS types.
    const meant = (Object.values(problems).flat() as { resolutionKind: string }[]).filter(({ resolutionKind }) =>
      ["node16-esm", "bundler"].includes(resolutionKind),
    );
    expect(meant).toEqual([]);
  });

  it("asks for no dependency", () => {
    expect(manifest.dependencies ?? {}).toEqual({});
    expect(Object.values(manifest.peerDependenciesMeta)).toEqual([{ optional: true }]);
    expect(readdirSync(`${consumer}node_modules`).filter((name) => !name.startsWith("."))).toEqual(["howsmooth"]);
  });
});

describe("the library's files", () => {
  const files = readdirSync(`${installed}dist`, { recursive: true, encoding: "utf8" });
  const library = files.filter((file) => file.endsWith(".js") && !/^(cli\.js|command\/)/.test(file));
  const source = (file: string) => readFileSync(`${installed}dist/${file}`, "utf8");

  it("are there", () => expect(library.length).toBeGreaterThan(20));

  it("import nothing of Node's", () => {
    expect(library.filter((file) => /(from|import\(?|require\()\s*["'`]node:/.test(source(file)))).toEqual([]);
  });

  it("name no host to fetch from but the hub of models", () => {
    const hosts = library.flatMap((file) => source(file).match(/https?:\/\/[\w.-]+/g) ?? []);
    expect([...new Set(hosts)].filter((host) => !known.includes(host))).toEqual([]);
  });

  it("await nothing as they are loaded", () => {
    expect(library.filter((file) => awaits(parseAst(source(file))))).toEqual([]);
    expect(awaits(parseAst("const f = async () => await 1; for (const x of [await 1]);"))).toBe(true);
  });

  it("have source maps", () => {
    const mapped = (file: string) =>
      /\/\/# sourceMappingURL=.+\.map\n?$/.test(source(file)) && files.includes(`${file}.map`);
    expect(library.filter((file) => !mapped(file))).toEqual([]);
  });
});

/** The hub that loadModel is asked to read from, and the name of SVG. */
const known = ["https://huggingface.co", "http://www.w3.org", "https://git-lfs.github.com"];
const functions = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression", "PropertyDefinition"];

/** Whether a node of ESTree awaits outside of any function. */
function awaits(node: unknown): boolean {
  if (!node || typeof node !== "object") return false;
  const { type, await: each } = node as { type?: string; await?: boolean };
  if (functions.includes(type ?? "")) return false;
  return type === "AwaitExpression" || each === true || Object.values(node).some(awaits);
}
