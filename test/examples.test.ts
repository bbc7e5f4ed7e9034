// The examples of docstrings are run as they stand. Beside the public names they may use what a reader has at hand:
// `runtime`, `spec`, its `layer` and the layer's `linearization` at tokens `x` (and `x0`), a `model`, its `report` and an earlier one, `baseline`.
// A line `expression; // 1.23…` or `expression; // "text"` must have that value, digits cut at the ellipsis.
import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as analysis from "../src/analysis/index.js";
import * as core from "../src/index.js";
import * as models from "../src/models/index.js";
import * as report from "../src/report/index.js";

const root = new URL("../", import.meta.url).pathname;
const entries = { core, models, analysis, report };
const files = { core: "index", models: "models/index", analysis: "analysis/index", report: "report/index" };

interface Example {
  where: string;
  code: string;
}

const examples: Example[] = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) => {
    const source = readFileSync(`${root}src/${file}`, "utf8");
    return [...source.matchAll(/^\s*\* @example\n([\s\S]*?)(?=^\s*\*(?:\/| @))/gm)].map(([, lines], index) => ({
      where: `src/${file}${index > 0 ? ` (${index + 1})` : ""}`,
      code: lines.replace(/^\s*\* ?/gm, ""),
    }));
  });

const Program = Object.getPrototypeOf(async () => {}).constructor as new (
  ...names: string[]
) => (...values: unknown[]) => Promise<void>;

const expectation = /^(?<expression>[^/]*?);? \/\/ (?<value>-?\d[\d.]*…?|"[^"]*"|true|false)$/;

/** Each line that states a value hands it on, so that it can be compared. */
function checked(code: string): string {
  return code.replace(/^.*$/gm, (line) => {
    const { expression, value } = line.match(expectation)?.groups ?? {};
    return expression === undefined ? line : `check(${expression}, ${JSON.stringify(value)});`;
  });
}

function check(found: unknown, stated: string): void {
  if (stated.endsWith("…")) expect(String(found).slice(0, stated.length - 1)).toBe(stated.slice(0, -1));
  else if (typeof found === "number") expect(found).toBeCloseTo(Number(stated), 12);
  else expect(found).toBe(JSON.parse(stated));
}

describe("examples in docstrings", () => {
  const scope: Record<string, unknown> = { ...core, ...models, ...analysis, ...report, check };
  let runtime: core.Runtime;

  beforeAll(async () => {
    runtime = await core.createRuntime({ device: "wasm" });
    const map = () => ({ weight: core.tensor(Float64Array.of(0.5, 0.1, -0.2, 0.4), [2, 2]) });
    const spec = { heads: 1, query: map(), key: map(), value: map(), output: map() };
    const x = core.tensor(Float64Array.of(1, 0, 0, 1, -1, 1), [3, 2]);
    const model = await models.randomModel("gpt2", { runtime, seed: 0, layers: 7, width: 16, heads: 2 });
    const asked = { tokens: [1, 2, 3, 4, 5, 6, 7, 8], layers: [0], lengths: [2, 4], samples: 2 };
    const made = await analysis.sweep(model, asked);
    const baseline = await analysis.sweep(model, { ...asked, seed: 1 });
    const best = (await core.bounds.ofLayer(spec, { n: 3, radius: 2 })).best.value;
    const layer = runtime.attention(spec);
    Object.assign(scope, {
      runtime,
      spec,
      layer,
      linearization: await layer.linearize(x),
      x,
      x0: x,
      model,
      best,
      report: made,
      baseline,
    });
  });
  afterAll(() => runtime.dispose());

  it.each(examples)("$where", async ({ code }) => {
    await new Program(...Object.keys(scope), `{${checked(code)}}`)(...Object.values(scope));
  });

  it("state values that are compared", async () => {
    const stated = examples.flatMap(({ code }) => code.split("\n").filter((line) => expectation.test(line)));
    expect(stated.length).toBeGreaterThan(10);
    await expect(new Program("check", checked("1 + 1; // 3"))(check)).rejects.toThrow(/to be close to 3/);
  });
});

describe("public names", () => {
  const paths = Object.values(files).map((file) => `${root}src/${file}.ts`);
  const configuration = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(configuration, ts.sys, root);
  const program = ts.createProgram(paths, options);
  const checker = program.getTypeChecker();

  const resolved = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = paths.flatMap((path) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path)!)!).map((symbol) => ({
      name: symbol.name,
      symbol: resolved(symbol),
    })),
  );
  const documented = (symbol: ts.Symbol) => symbol.getDocumentationComment(checker).length > 0;
  const hasExample = (symbol: ts.Symbol) => symbol.getJsDocTags(checker).some(({ name }) => name === "example");

  it("are those of the four entries", () => {
    const values = exported.filter(({ symbol }) => symbol.flags & ts.SymbolFlags.Value).map(({ name }) => name);
    expect(values.sort()).toEqual(
      Object.values(entries)
        .flatMap((entry) => Object.keys(entry))
        .sort(),
    );
  });

  it("have docstrings", () => {
    expect(exported.filter(({ symbol }) => !documented(symbol)).map(({ name }) => name)).toEqual([]);
  });

  it("have an example where they are values", () => {
    const values = exported.flatMap(({ name, symbol }) => {
      if (!(symbol.flags & ts.SymbolFlags.Value)) return [];
      return namespaces.includes(name) ? members(name, symbol) : [{ name, symbol }];
    });
    expect(values.length).toBeGreaterThan(35);
    expect(values.filter(({ symbol }) => !hasExample(symbol)).map(({ name }) => name)).toEqual([]);
  });

  /** Objects that hold functions: theirs are the public names. */
  const namespaces = ["bounds", "adversarial", "invertible", "bounds.radius"];

  function members(name: string, symbol: ts.Symbol): { name: string; symbol: ts.Symbol }[] {
    const type = checker.getTypeOfSymbol(symbol);
    return checker.getPropertiesOfType(type).flatMap((property) => {
      const full = `${name}.${property.name}`;
      if (namespaces.includes(full)) return members(full, property);
      const declaration = checker.getTypeOfSymbol(property).getCallSignatures()[0]?.getDeclaration();
      return [{ name: full, symbol: checker.getSymbolAtLocation((declaration as ts.FunctionDeclaration).name!)! }];
    });
  }
});
