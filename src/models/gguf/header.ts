// The header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata, and where the tensors are.
// Every length is checked against the file before it is used.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import { refusePointer } from "../files/lfs.js";
import { decodeUtf8, type FileSource, locate } from "../files/source.js";
import { formats } from "./dequantise.js";

export interface GgufEntry {
  /** ggml_type. */
  readonly type: number;
  /** Row-major: the file has the extents the other way round. */
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface GgufHeader {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly entries: ReadonlyMap<string, GgufEntry>;
}

/** Read at first, and twice as much each time that it doesn't hold the header. */
const firstPiece = 2 ** 20;
const largestHeader = 2 ** 28;
const deepestArray = 4;

/** @throws ModelError for a file that is no GGUF file, of another version, or damaged */
export async function readGguf(source: FileSource, file: string): Promise<GgufHeader> {
  const fail = (problem: string) => new ModelError(`${locate(source, file)}: ${problem}`, file);
  const size = await source.size(file);
  if (size === undefined) throw fail("no such file");
  if (size < 24) throw fail(`expected at least 24 bytes, got ${size}; the file is truncated`);
  await refusePointer(source, file, size);
  for (let length = Math.min(firstPiece, size); ; length = Math.min(2 * length, size)) {
    const cursor = new Cursor(await source.read(file, 0, length), size, fail);
    try {
      return parse(cursor, size, fail);
    } catch (error) {
      if (error !== more) throw error;
      if (length === size) throw fail("its header ends behind the end of the file; the file is truncated");
      if (length >= largestHeader) throw fail(`a header of more than ${largestHeader} bytes; not read`);
    }
  }
}

type Fail = (problem: string) => ModelError;

/** Thrown where more of the file must be read. */
const more = new Error("more");

class Cursor {
  at = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly size: number,
    readonly fail: Fail,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): number {
    if (length > this.size - this.at) throw this.fail("a length in its header is longer than the file; it is damaged");
    if (this.at + length > this.bytes.length) throw more;
    const at = this.at;
    this.at += length;
    return at;
  }

  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  /** A count, each of whose things takes `least` bytes. */
  count(least: number): number {
    const value = this.#view.getBigUint64(this.take(8), true);
    if (value * BigInt(least) > BigInt(this.size)) {
      throw this.fail(`${value} of something in a file of ${this.size} bytes; it is damaged`);
    }
    return Number(value);
  }

  offset(): number {
    return Number(this.#view.getBigUint64(this.take(8), true));
  }

  text(): string {
    const length = this.count(1);
    const at = this.take(length);
    return decodeUtf8(this.bytes.subarray(at, at + length));
  }

  value(type: number, depth = 0): unknown {
    const view = this.#view;
    if (type === 0) return view.getUint8(this.take(1));
    if (type === 1) return view.getInt8(this.take(1));
    if (type === 2) return view.getUint16(this.take(2), true);
    if (type === 3) return view.getInt16(this.take(2), true);
    if (type === 4) return this.u32();
    if (type === 5) return view.getInt32(this.take(4), true);
    if (type === 6) return view.getFloat32(this.take(4), true);
    if (type === 7) return view.getUint8(this.take(1)) !== 0;
    if (type === 8) return this.text();
    if (type === 10) return Number(view.getBigUint64(this.take(8), true));
    if (type === 11) return Number(view.getBigInt64(this.take(8), true));
    if (type === 12) return view.getFloat64(this.take(8), true);
    if (type !== 9 || depth >= deepestArray) throw this.fail(`a value of type ${type} in its metadata; it is damaged`);
    const inner = this.u32();
    const values: unknown[] = [];
    for (let left = this.count(1); left > 0; left--) values.push(this.value(inner, depth + 1));
    return values;
  }
}

function parse(cursor: Cursor, size: number, fail: Fail): GgufHeader {
  const magic = cursor.u32();
  if (magic !== 0x46554747) throw fail('it doesn\'t begin with "GGUF"; not a GGUF file');
  const version = cursor.u32();
  if (version < 2 || version > 3) throw fail(`version ${version} of GGUF; 2 and 3 are read`);
  const tensors = cursor.count(24);
  const keys = cursor.count(13);
  const metadata: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < keys; i++) {
    const key = cursor.text();
    metadata[key] = cursor.value(cursor.u32());
  }
  const found: { name: string; type: number; shape: number[]; offset: number }[] = [];
  for (let i = 0; i < tensors; i++) {
    const name = cursor.text();
    const rank = cursor.u32();
    if (rank > 8) throw fail(`tensor ${excerpt(name)}: ${rank} extents; it is damaged`);
    const shape: number[] = [];
    for (let axis = 0; axis < rank; axis++) shape.unshift(cursor.offset());
    found.push({ name, shape, type: cursor.u32(), offset: cursor.offset() });
  }
  const given = metadata["general.alignment"] ?? 32;
  const alignment = Number.isInteger(given) && (given as number) > 0 ? (given as number) : 32;
  const start = Math.ceil(cursor.at / alignment) * alignment;
  const entries = new Map<string, GgufEntry>();
  for (const { name, type, shape, offset } of found) {
    if (entries.has(name)) throw fail(`tensor ${excerpt(name)} occurs twice`);
    const begin = start + offset;
    const end = begin + bytesOf(type, shape);
    if (!(end <= size)) {
      throw fail(`tensor ${excerpt(name)}: its data ends at byte ${end} of ${size}; the file is truncated`);
    }
    entries.set(name, { type, shape, begin, end });
  }
  return { metadata, entries };
}

/** Of a format that isn't known 0: it is no concern as long as nobody asks for the tensor. */
function bytesOf(type: number, shape: readonly number[]): number {
  const format = formats.get(type);
  if (!format) return 0;
  return (shape.reduce((product, extent) => product * extent, 1) / format.elements) * format.bytes;
}
