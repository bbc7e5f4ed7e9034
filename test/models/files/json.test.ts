// JSON from outside: what is too much is refused before anything is made of it, in little memory.
import { describe, expect, it } from "vitest";
import { type JsonLimits, jsonLimits, readJson } from "../../../src/models/files/json.js";
import { BlobSource } from "../../../src/models/files/source.js";

const read = (text: string | Uint8Array, limits: JsonLimits = jsonLimits.config) =>
  readJson(new BlobSource({ "a.json": new Blob([text as string]) }), "a.json", limits);
const small = { bytes: 1000, values: 10, string: 20 };

describe("readJson", () => {
  it("reads an object", async () => {
    expect(await read('{"a": [1, {"b": "x\\"y, {["}]}')).toEqual({ a: [1, { b: 'x"y, {[' }] });
  });

  it.each([
    ["NaN", "NaN"],
    ["Infinity", "Infinity"],
    ["-Infinity", "-Infinity"],
  ])("gives Python's word %s as a string, and leaves strings alone", async (word, string) => {
    expect(await read(`{"a": ${word}, "b": ["NaN, \\" Infinity", ${word}]}`)).toEqual({
      a: string,
      b: ['NaN, " Infinity', string],
    });
  });

  it.each([
    ["bytes", `{"a": "${"x".repeat(1000)}"}`, /^a\.json: 1009 bytes, more than the 1000 read as JSON/],
    ["values", `{"a": [${"0,".repeat(12)}0]}`, /^a\.json: more than 10 values/],
    ["a long string", `{"a": "${"x".repeat(21)}"}`, /^a\.json: a string of more than 20 bytes/],
    ["a long name", `{"${"x".repeat(21)}": 0}`, /^a\.json: a string of more than 20 bytes/],
    ["white space", `{${" ".repeat(21)}"a": 0}`, /^a\.json: more than 20 bytes of white space/],
  ])("refuses too much: %s", async (_, text, message) => {
    await expect(read(text, small)).rejects.toThrow(message);
  });

  it("refuses what is nested too deep", async () => {
    await expect(read(`{"a": ${"[".repeat(64)}`)).rejects.toThrow(/^a\.json: nested more than 64 deep/);
    await expect(read(`{"a": ${"[".repeat(62)}${"]".repeat(62)}}`)).resolves.toBeDefined();
  });

  it("counts over the edges of the pieces that it reads", async () => {
    const text = `{"a": "${"x".repeat(2 ** 24 - 1)}"}`;
    expect((await read(text, { bytes: 2 ** 25, values: 10, string: 2 ** 24 }))["a"]).toHaveLength(2 ** 24 - 1);
    await expect(read(text, { bytes: 2 ** 25, values: 10, string: 2 ** 24 - 1 })).rejects.toThrow(/a string of more/);
  });

  it.each([
    ["no object", "[]", /^a\.json: expected a JSON object/],
    ["no JSON", "{a: 1}", /^a\.json: not JSON in UTF-8 \(/],
    ["no UTF-8", Uint8Array.of(0x7b, 0xff, 0x7d), /^a\.json: not JSON in UTF-8 \(/],
    ["another word", '{"a": nan}', /^a\.json: not JSON in UTF-8 \(/],
  ])("refuses %s", async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});
