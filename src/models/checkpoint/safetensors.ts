// The safetensors format (https://huggingface.co/docs/safetensors): eight bytes of header length, a JSON header of
// name → { dtype, shape, data_offsets }, then the data. Every length is checked before it is used.
import { firstNonFinite } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import { type RealArray, sizeOf, type Tensor, tensor } from "../../base/tensor.js";
import { jsonLimits, readJsonBetween } from "../files/json.js";
import { refusePointer } from "../files/lfs.js";
import { type FileSource, locate } from "../files/source.js";
import type { StoredWeights } from "../forward/weights.js";
import { bitsPerElement, decodeNumbers, readableDtypes } from "./dtype.js";
import { excerpt, excerptOfShape } from "./excerpt.js";

/** One tensor of the file; `begin` and `end` count from the start of the file. */
export interface SafetensorsEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A safetensors file; reads the byte ranges of the tensors asked for, no more. */
export class SafetensorsFile implements StoredWeights {
  private constructor(
    readonly source: FileSource,
    readonly file: string,
    readonly entries: ReadonlyMap<string, SafetensorsEntry>,
  ) {}

  /** Reads and checks the header; ModelError names what is wrong, and with which tensor. */
  static async open(source: FileSource, file: string): Promise<SafetensorsFile> {
    const where = locate(source, file);
    const fail = (problem: string) => new ModelError(`${where}: ${problem}`, file);
    const size = await source.size(file);
    if (size === undefined) throw fail("no such file");
    if (size < 8) throw fail(`expected at least 8 bytes, got ${size}; the file is truncated`);
    const prefix = await source.read(file, 0, 8);
    await refusePointer(source, file, size, prefix);
    const announced = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
    if (announced > jsonLimits.header.bytes) {
      throw fail(`a header of ${announced} bytes is announced; not a safetensors file, or a damaged one`);
    }
    const dataStart = 8 + Number(announced);
    if (dataStart > size) {
      throw fail(`a header of ${announced} bytes is announced in a file of ${size}; the file is truncated`);
    }
    const what = `${where}: the header`;
    const header = await readJsonBetween(source, file, 8, dataStart, jsonLimits.header, what);
    return new SafetensorsFile(source, file, parseHeader(header, dataStart, size, fail));
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  names(): Iterable<string> {
    return this.entries.keys();
  }

  dtype(name: string): string | undefined {
    return this.entries.get(name)?.dtype;
  }

  shape(name: string): readonly number[] | undefined {
    return this.entries.get(name)?.shape;
  }

  require(name: string, shape: readonly number[]): void {
    const entry = this.#entry(name);
    if (!readableDtypes.includes(entry.dtype)) {
      throw this.#fail(name, `stored as ${entry.dtype.slice(0, 40)}; this reader takes ${readableDtypes.join(", ")}`);
    }
    if (entry.shape.length !== shape.length || entry.shape.some((extent, axis) => extent !== shape[axis])) {
      throw this.#fail(name, `expected shape [${shape.join(", ")}] by config.json, got ${excerptOfShape(entry.shape)}`);
    }
  }

  async tensor(name: string): Promise<Tensor> {
    const { begin, end, shape } = this.#entry(name);
    return tensor(await this.#numbers(name, begin, end, 0), [...shape]);
  }

  async rows(name: string, ids: readonly number[]): Promise<Tensor> {
    const { begin, end, shape } = this.#entry(name);
    const [rows, width] = shape;
    const rowBytes = (end - begin) / rows;
    const reading: Promise<RealArray>[] = [];
    for (let from = 0; from < ids.length; ) {
      let to = from + 1;
      while (to < ids.length && ids[to] === ids[to - 1] + 1) to++;
      const first = begin + ids[from] * rowBytes;
      reading.push(this.#numbers(name, first, first + (to - from) * rowBytes, ids[from] * width));
      from = to;
    }
    // At once, so that a server can be asked for neighbours together.
    const parts = await Promise.all(reading);
    const data =
      parts[0] instanceof Float64Array ? new Float64Array(ids.length * width) : new Float32Array(ids.length * width);
    let filled = 0;
    for (const part of parts) {
      data.set(part, filled);
      filled += part.length;
    }
    return tensor(data, [ids.length, width]);
  }

  /** The bytes [begin, end) as finite numbers, of which the first is element `offset` of the tensor. */
  async #numbers(name: string, begin: number, end: number, offset: number): Promise<RealArray> {
    const { dtype, shape } = this.#entry(name);
    const data = decodeNumbers(dtype, await this.source.read(this.file, begin, end));
    const bad = firstNonFinite(data, shape, offset);
    if (bad) throw this.#fail(name, `expected finite numbers, got ${bad.value} at [${bad.index.join(", ")}]`);
    return data;
  }

  #entry(name: string): SafetensorsEntry {
    const entry = this.entries.get(name);
    if (!entry) throw this.#fail(name, `missing; the file holds ${this.entries.size} others`);
    return entry;
  }

  #fail(name: string, problem: string): ModelError {
    return new ModelError(`${locate(this.source, this.file)}: tensor "${name}": ${problem}`, this.file);
  }
}

type Fail = (problem: string) => ModelError;

function parseHeader(
  { value: header, text }: { value: Record<string, unknown>; text: string },
  dataStart: number,
  size: number,
  fail: Fail,
): Map<string, SafetensorsEntry> {
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw fail(`the name ${excerpt(repeated)} occurs twice in the header`);
  const entries = new Map<string, SafetensorsEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const failTensor = (problem: string) => fail(`tensor ${excerpt(name)}: ${problem}`);
    entries.set(name, parseEntry(value, dataStart, size, failTensor));
  }
  checkLayout(entries, dataStart, size, fail);
  return entries;
}

function parseEntry(value: unknown, dataStart: number, size: number, fail: Fail): SafetensorsEntry {
  if (value === null || typeof value !== "object") throw fail("expected { dtype, shape, data_offsets }");
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string") {
    throw fail(`unknown dtype ${excerpt(dtype)}; this reader takes ${readableDtypes.join(", ")}`);
  }
  // A format of tomorrow is no concern as long as nobody asks for the tensor.
  const bits = bitsPerElement(dtype);
  if (!isCounts(shape)) throw fail(`expected a shape of non-negative integers, got ${excerpt(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw fail(`expected data_offsets [begin, end] with begin ≤ end, got ${excerpt(offsets)}`);
  }
  const [begin, end] = offsets;
  if (end > size - dataStart) {
    throw fail(
      `its data ends at byte ${end} of ${size - dataStart} bytes of data; the file is truncated, or its header damaged`,
    );
  }
  const bytes = bits === undefined ? end - begin : Math.ceil((sizeOf(shape) * bits) / 8);
  if (bytes !== end - begin) {
    throw fail(`shape ${excerptOfShape(shape)} of ${dtype} takes ${bytes} bytes, its data_offsets span ${end - begin}`);
  }
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** The tensors must tile the data: the format allows neither overlaps nor holes. */
function checkLayout(
  entries: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  size: number,
  fail: Fail,
): void {
  let covered = dataStart;
  let previous = "";
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) {
      throw fail(`tensors ${excerpt(previous)} and ${excerpt(name)} overlap (data_offsets)`);
    }
    if (begin > covered) {
      throw fail(`${begin - covered} bytes in front of tensor ${excerpt(name)} belong to no tensor`);
    }
    covered = end;
    previous = name;
  }
  if (covered < size) throw fail(`${size - covered} bytes at the end belong to no tensor`);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

/** A key that occurs twice in one object of valid JSON; JSON.parse keeps the last of them without a word. */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    if (json[at] === "{") open.push(new Set());
    else if (json[at] === "}") open.pop();
    else if (json[at] === '"') {
      const start = at++;
      while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
      if (!isKey(json, at + 1)) continue;
      const keys = open[open.length - 1];
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Whether a colon follows the string that ends before `at`. */
function isKey(json: string, at: number): boolean {
  while (" \t\n\r".includes(json[at])) at++;
  return json[at] === ":";
}
