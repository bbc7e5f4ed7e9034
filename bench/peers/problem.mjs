// One problem for every contestant: a seeded layer, its input and a direction, as raw little-endian f32 files that
// JavaScript and Python read alike.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { gaussian, gaussianLayer } from "../layer.mjs";

export const names = ["query", "key", "value", "output"];

/** GPT-2 small's width. Weights N(0, weights²), tokens N(0, 1), a unit direction; mask "causal" or "none". */
export async function writeProblem(folder, { weights, mask, n }) {
  const d = 768;
  const heads = 12;
  const { spec, x } = gaussianLayer({ d, heads, std: weights, mask, seed: 1, n });
  await mkdir(folder, { recursive: true });
  const write = (name, data) => writeFile(`${folder}/${name}.f32`, new Uint8Array(data.buffer));
  for (const name of names) await write(name, spec[name].weight.data);
  await write("x", x.data);
  await write("u", unitVector(n * d, 2));
  return { folder, n, d, heads, causal: mask === "causal" };
}

export async function readProblem({ folder, n, d, heads, causal }) {
  const matrix = async (name, shape) => ({ data: await readVector(`${folder}/${name}.f32`), shape });
  const weights = {};
  for (const name of names) weights[name] = await matrix(name, [d, d]);
  return { n, d, heads, causal, weights, x: await matrix("x", [n, d]), u: await matrix("u", [n, d]) };
}

export async function readVector(file) {
  const bytes = await readFile(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function unitVector(size, seed) {
  const vector = Float64Array.from({ length: size }, gaussian(seed));
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(vector, (value) => value / norm);
}
