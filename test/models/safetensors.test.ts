import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModelError } from "../../src/base/errors.js";
import { SafetensorsFile } from "../../src/models/checkpoint/safetensors.js";
import { openFolder } from "../../src/models/files/folder.js";
import { BlobSource } from "../../src/models/files/source.js";
import { f32, folderOf, type Header, image, type StoredTensor, safetensors } from "./files.js";

const file = "model.safetensors";

async function open(bytes: Uint8Array): Promise<SafetensorsFile> {
  return SafetensorsFile.open((await openFolder(folderOf({ [file]: bytes })))!, file);
}

async function readBack(stored: StoredTensor) {
  const opened = await open(safetensors({ first: f32([1], [7]), x: stored }));
  opened.require("x", stored.shape);
  return opened.tensor("x");
}

describe("numbers", () => {
  const halves = (words: number[]) => new Uint8Array(Uint16Array.from(words).buffer);

  it("reads F32 and F64 as they are", async () => {
    expect(await readBack(f32([2, 2], [1, -2, 3.5, 1e-40]))).toEqual({
      data: Float32Array.of(1, -2, 3.5, 1e-40),
      shape: [2, 2],
    });
    const doubles = Float64Array.of(Math.PI, -5e-324);
    const stored = { dtype: "F64", shape: [2], bytes: new Uint8Array(doubles.buffer) };
    expect((await readBack(stored)).data).toEqual(doubles);
  });

  it("reads F16 exactly: signs, subnormals, extremes", async () => {
    const words = [0x3c00, 0xc000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x7bff, 0x3555, 0x0000];
    const { data } = await readBack({ dtype: "F16", shape: [9], bytes: halves(words) });
    expect(Array.from(data)).toEqual([
      1,
      -2,
      2 ** -24,
      -(2 ** -24),
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      1365 * 2 ** -12,
      0,
    ]);
  });

  it("reads BF16 exactly", async () => {
    const { data } = await readBack({ dtype: "BF16", shape: [3], bytes: halves([0x3f80, 0xc049, 0x0001]) });
    expect(Array.from(data)).toEqual([1, -3.140625, 2 ** -133]);
  });

  it.each([
    ["F32", new Uint8Array(Float32Array.of(1, 2, 3, Number.NaN).buffer), "NaN"],
    ["F16", halves([0, 0, 0, 0x7e00]), "NaN"],
    ["BF16", halves([0, 0, 0, 0xff80]), "-Infinity"],
    ["F64", new Uint8Array(Float64Array.of(1, 2, 3, Number.POSITIVE_INFINITY).buffer), "Infinity"],
  ])("names the first number of %s that is not finite", async (dtype, bytes, value) => {
    await expect(readBack({ dtype, shape: [2, 2], bytes })).rejects.toThrow(
      new RegExp(`model\\.safetensors: tensor "x": expected finite numbers, got ${value} at \\[1, 1\\]`),
    );
  });

  it("reads rows, and names a bad one by its place in the table", async () => {
    const values = Array.from({ length: 20 }, (_, i) => i);
    values[13] = Number.NaN;
    const opened = await open(safetensors({ table: f32([10, 2], values) }));
    const { data, shape } = await opened.rows("table", [0, 1, 4, 8]);
    expect(shape).toEqual([4, 2]);
    expect(Array.from(data)).toEqual([0, 1, 2, 3, 8, 9, 16, 17]);
    await expect(opened.rows("table", [6])).rejects.toThrow(/NaN at \[6, 1\]/);
  });

  it("reads the byte ranges asked for and no others", async () => {
    const ranges: [number, number][] = [];
    const bytes = safetensors({ a: f32([4], [1, 2, 3, 4]), b: f32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8]) });
    const source = new BlobSource({ [file]: new Blob([bytes as Uint8Array<ArrayBuffer>]) });
    const read = source.read.bind(source);
    source.read = (name, start, end) => {
      ranges.push([start, end]);
      return read(name, start, end);
    };
    const opened = await SafetensorsFile.open(source, file);
    const dataStart = ranges[1][1];
    expect(ranges.splice(0)).toEqual([
      [0, 8],
      [8, dataStart],
    ]);
    await opened.rows("b", [0, 2, 3]);
    expect(ranges).toEqual([
      [dataStart + 16, dataStart + 24],
      [dataStart + 32, dataStart + 48],
    ]);
  });
});

describe("what require refuses", () => {
  const stored = { x: f32([2, 3], [1, 2, 3, 4, 5, 6]), ids: { dtype: "I64", shape: [1], bytes: new Uint8Array(8) } };

  it("a missing tensor, a shape that config.json contradicts, a dtype that weights don't have", async () => {
    const opened = await open(safetensors(stored));
    expect(() => opened.require("y", [2])).toThrow(/tensor "y": missing/);
    expect(() => opened.require("x", [3, 2])).toThrow(/tensor "x": expected shape \[3, 2\].*got \[2, 3\]/);
    expect(() => opened.require("x", [6])).toThrow(/tensor "x": expected shape \[6\]/);
    expect(() => opened.require("ids", [1])).toThrow(/tensor "ids": stored as I64.*F32, F16, BF16/);
    expect(() => opened.require("x", [2, 3])).not.toThrow();
  });

  it.each(["Q4_0", "constructor", "F4", "F6_E2M3", "F8_E8M0"])("a tensor of dtype %s, and no other", async (dtype) => {
    const bits = { F4: 4, F6_E2M3: 6 }[dtype] ?? 8;
    const odd = { dtype, shape: [4, 4], bytes: new Uint8Array(2 * bits) };
    const opened = await open(safetensors({ ...stored, odd }));
    expect(() => opened.require("x", [2, 3])).not.toThrow();
    expect(() => opened.require("odd", [4, 4])).toThrow(new RegExp(`tensor "odd": stored as ${dtype}; this reader`));
  });
});

describe("hostile files", () => {
  const good = { a: f32([2, 2], [1, 2, 3, 4]), b: f32([3], [5, 6, 7]) };
  const edited = (edit: (header: Header) => void) => safetensors(good, edit);
  const withLength = (length: bigint) => {
    const bytes = safetensors(good);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  const whole = safetensors(good);

  const cases: Record<string, [Uint8Array, RegExp]> = {
    "an empty file": [new Uint8Array(0), /expected at least 8 bytes, got 0; the file is truncated/],
    "seven bytes": [new Uint8Array(7), /expected at least 8 bytes, got 7; the file is truncated/],
    "a header length of 2^60": [withLength(2n ** 60n), /header of 1152921504606846976 bytes/],
    "a header length of 2^64 - 1": [withLength(2n ** 64n - 1n), /header of 18446744073709551615 bytes/],
    "a header longer than the file": [withLength(5000n), /header of 5000 bytes .* in a file of \d+; .*truncated/],
    "a header cut short": [whole.slice(0, 40), /in a file of 40; the file is truncated/],
    "data cut short": [whole.slice(0, -4), /tensor "b": its data ends at byte 28 of 24 .*truncated/],
    "bytes behind the data": [Uint8Array.from([...whole, 0, 0]), /2 bytes at the end belong to no tensor/],
    "a header that isn't UTF-8": [image(Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)), /header: not JSON in UTF-8/],
    "a header that isn't JSON": [image("{]"), /header: not JSON in UTF-8/],
    "an empty header": [image(""), /header: not JSON in UTF-8/],
    "a header that is an array": [image("[]"), /header: expected a JSON object/],
    "a header that is null": [image("null"), /header: expected a JSON object/],
    "an entry that is null": [edited((h) => Object.assign(h, { a: null })), /tensor "a": expected \{ dtype/],
    "a dtype that isn't a string": [edited((h) => Object.assign(h["a"], { dtype: 7 })), /"a": unknown dtype 7/],
    "a missing shape": [edited((h) => delete h["a"]["shape"]), /tensor "a": expected a shape .* got undefined/],
    "a negative extent": [edited((h) => Object.assign(h["a"], { shape: [-2, -2] })), /"a": expected a shape/],
    "a fractional extent": [edited((h) => Object.assign(h["a"], { shape: [0.5, 8] })), /"a": expected a shape/],
    "an extent of 2^53": [edited((h) => Object.assign(h["a"], { shape: [2 ** 53, 1] })), /"a": expected a shape/],
    "a shape whose size overflows": [
      edited((h) => Object.assign(h["a"], { shape: Array(40).fill(2 ** 50) })),
      /"a": shape .* takes Infinity bytes, its data_offsets span 16/,
    ],
    "a shape that disagrees with its bytes": [
      edited((h) => Object.assign(h["a"], { shape: [2, 3] })),
      /"a": shape \[2, 3\] of F32 takes 24 bytes, its data_offsets span 16/,
    ],
    "offsets past the end": [
      edited((h) => Object.assign(h["b"], { data_offsets: [16, 2 ** 40], shape: [2 ** 38 - 4] })),
      /"b": its data ends at byte 1099511627776 of 28/,
    ],
    "offsets in reverse": [edited((h) => Object.assign(h["b"], { data_offsets: [28, 16] })), /"b": .*begin ≤ end/],
    "negative offsets": [
      edited((h) => Object.assign(h["a"], { data_offsets: [-16, 0] })),
      /"a": expected data_offsets/,
    ],
    "offsets that aren't numbers": [
      edited((h) => Object.assign(h["a"], { data_offsets: ["0", "16"] })),
      /"a": expected data_offsets/,
    ],
    "offsets that overlap": [
      edited((h) => Object.assign(h["b"], { data_offsets: [12, 24] })),
      /tensors "a" and "b" overlap/,
    ],
    "a hole between tensors": [
      edited((h) => Object.assign(h["a"], { data_offsets: [0, 8], shape: [2] })),
      /8 bytes in front of tensor "b" belong to no tensor/,
    ],
    "a name that occurs twice": [
      image(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061" : {"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        new Uint8Array(4),
      ),
      /the name "a" occurs twice/,
    ],
    "a key that occurs twice in an entry": [
      image('{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', new Uint8Array(4)),
      /the name "dtype" occurs twice/,
    ],
  };

  it.each(Object.entries(cases))("%s: a ModelError that names the file", async (_, [bytes, message]) => {
    const failure = await open(bytes).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain(file);
    expect(failure.file).toBe(file);
  });

  it("takes names that only look like trouble: braces, quotes, backslashes, __proto__", async () => {
    const names = ["{", '"a":"', "\\", "__proto__", "a\\", "toString"];
    const tensors = new Map(names.map((name, at) => [name, at]));
    const header = [...tensors].map(
      ([name, at]) => `${JSON.stringify(name)}:{"dtype":"F32","shape":[1],"data_offsets":[${4 * at},${4 * at + 4}]}`,
    );
    const opened = await open(
      image(`{${header.join(",")}}  `, new Uint8Array(Float32Array.from(names, (_, at) => at).buffer)),
    );
    for (const [name, at] of tensors) expect((await opened.tensor(name)).data).toEqual(Float32Array.of(at));
    expect(opened.has("a")).toBe(false);
  });

  it("reports a file that shrank after its header was read", async () => {
    const source = new BlobSource({ [file]: new Blob([whole as Uint8Array<ArrayBuffer>]) });
    const opened = await SafetensorsFile.open(source, file);
    const shrunk = new BlobSource({ [file]: new Blob([whole.slice(0, -8) as Uint8Array<ArrayBuffer>]) });
    source.read = shrunk.read.bind(shrunk);
    await expect(opened.tensor("b")).rejects.toThrow(
      /expected 12 bytes from byte \d+ on, got 4; the file is truncated/,
    );
  });

  it("whatever bytes are changed: a ModelError, or tensors that lie inside the file", async () => {
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(whole.length), async (changes, kept) => {
        const bytes = whole.slice(0, kept % 3 ? whole.length : kept);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const source = new BlobSource({ [file]: new Blob([bytes]) });
        try {
          const { entries } = await SafetensorsFile.open(source, file);
          for (const { begin, end } of entries.values()) {
            expect(begin).toBeLessThanOrEqual(end);
            expect(end).toBeLessThanOrEqual(bytes.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ModelError);
          refused++;
        }
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
