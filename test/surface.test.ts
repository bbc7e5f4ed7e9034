// The public surface: every name of the four entries with its type, kept in surface.txt so that a change of it is seen.
// `npx vitest run test/surface.test.ts -u` writes it anew.
import ts from "typescript";
import { expect, it } from "vitest";

const root = new URL("../", import.meta.url).pathname;
const entries = ["index", "models/index", "analysis/index", "report/index"];

it("the public surface is what surface.txt says", async () => {
  const configuration = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(configuration, ts.sys, root);
  const paths = entries.map((entry) => `${root}src/${entry}.ts`);
  const program = ts.createProgram(paths, options);
  const checker = program.getTypeChecker();
  const format = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;
  const lines = paths.flatMap((path, at) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(path)!)!;
    const names = checker.getExportsOfModule(module).map((symbol) => {
      const own = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      if (own.flags & ts.SymbolFlags.Value) return `${symbol.name}: ${text(checker.getTypeOfSymbol(own))}`;
      const type = checker.getDeclaredTypeOfSymbol(own);
      const members = checker.getPropertiesOfType(type).filter((member) => !isInternal(member));
      const isPlain = own.flags & ts.SymbolFlags.Interface;
      const written = isPlain
        ? `{ ${members.map(member).sort().join("; ")} }`
        : text(type, ts.TypeFormatFlags.InTypeAlias);
      return `type ${symbol.name} = ${written}`;
    });
    return [`# ${entries[at]}`, ...names.sort(), ""];
  });
  await expect(lines.join("\n")).toMatchFileSnapshot("surface.txt");

  function text(type: ts.Type, more = ts.TypeFormatFlags.None): string {
    return checker.typeToString(type, undefined, format | more).replaceAll(/import\("[^"]*"\)\./g, "");
  }

  function member(symbol: ts.Symbol): string {
    const optional = symbol.flags & ts.SymbolFlags.Optional ? "?" : "";
    return `${symbol.name.replace(/^__@(\w+)@\d+$/, "[$1]")}${optional}: ${text(checker.getTypeOfSymbol(symbol))}`;
  }

  function isInternal(symbol: ts.Symbol): boolean {
    return symbol.getJsDocTags(checker).some(({ name }) => name === "internal");
  }
});
