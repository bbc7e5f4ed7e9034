// What the host must know of the kernels, read from their AssemblyScript by its own compiler: where the fields of each
// structure lie, and a hash of that and of the exported functions' signatures.
import { readFile } from "node:fs/promises";
import * as assemblyscript from "assemblyscript";
import { libraryFiles } from "assemblyscript/asc";

const { ElementKind } = assemblyscript;

/**
 * The structures are those `@unmanaged` classes whose fields are all of 4 bytes or f64, which is what the host writes.
 * @returns {Promise<{ hash: number, structures: { name: string, bytes: number, fields: [string, number][] }[] }>} the
 * name of an f64 field has a leading colon
 */
export async function readAbi(entry = "assembly/threads.ts") {
  const program = await initialize(entry);
  const structures = classes(program)
    .map((found) => structureOf(found))
    .filter((structure) => structure !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { hash: hashOf(JSON.stringify([structures, signatures(program, entry)])), structures };
}

/** As a module of the host: `ABI`, and each structure as a constant, Primal as PRIMAL. */
export function asModule({ hash, structures }) {
  const lines = ["// Made by scripts/kernels.mjs from the classes of assembly/.", `export const ABI = ${hash};`];
  for (const { name, bytes, fields } of structures) {
    const constant = name.replace(/(?<=.)[A-Z]/g, "_$&").toUpperCase();
    const offsets = JSON.stringify(Object.fromEntries(fields));
    lines.push(`export const ${constant} = { bytes: ${bytes}, fields: ${offsets} } as const;`);
  }
  return `${lines.join("\n")}\n`;
}

/** An entry and all that it imports. */
async function initialize(entry) {
  const options = assemblyscript.newOptions();
  const features = [assemblyscript.FEATURE_SIMD, assemblyscript.FEATURE_THREADS];
  for (const feature of features) assemblyscript.setFeature(options, feature, true);
  const program = assemblyscript.newProgram(options);
  for (const [path, text] of Object.entries(libraryFiles)) {
    const runtime = path.startsWith("rt/") && !["rt/common", "rt/stub"].includes(path);
    if (!runtime) assemblyscript.parse(program, text, `~lib/${path}.ts`, false);
  }
  let file = entry.replace(/\.ts$/, "");
  for (; file !== null; file = assemblyscript.nextFile(program)) {
    if (file.startsWith("~lib/")) continue;
    assemblyscript.parse(program, await readFile(`${file}.ts`, "utf8"), `${file}.ts`, `${file}.ts` === entry);
  }
  assemblyscript.initializeProgram(program);
  return program;
}

function classes(program) {
  const found = new Map();
  for (const [path, { members }] of program.filesByName) {
    if (path.startsWith("~lib/") || !members) continue;
    for (const member of members.values()) {
      if (member.kind === ElementKind.ClassPrototype) found.set(member.internalName, member);
    }
  }
  return [...found.values()].map((prototype) => program.resolver.resolveClass(prototype, null));
}

function structureOf({ name, nextMemoryOffset, members }) {
  const fields = [];
  for (const [key, member] of members ?? []) {
    const field = member.kind === ElementKind.PropertyPrototype ? member.instance : undefined;
    if (!field || field.memoryOffset < 0) continue;
    const double = field.type.toString() === "f64";
    if (!double && field.type.byteSize !== 4) return undefined;
    fields.push([double ? `:${key}` : key, field.memoryOffset]);
  }
  if (fields.length === 0) return undefined;
  return { name, bytes: nextMemoryOffset, fields };
}

/** The exported functions, by name, with their parameters. */
function signatures(program, entry) {
  const { exports, exportsStar } = program.filesByName.get(entry.replace(/\.ts$/, ""));
  const all = [...(exports ?? []), ...(exportsStar ?? []).flatMap((file) => [...(file.exports ?? [])])];
  return all
    .filter(([, { kind }]) => kind === ElementKind.FunctionPrototype)
    .map(([name, { declaration }]) => `${name}${assemblyscript.ASTBuilder.build(declaration.signature)}`)
    .sort();
}

/** FNV-1a in 22 bits, which is what `describe` has room for. */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return ((hash >>> 22) ^ hash) & 0x3fffff;
}
