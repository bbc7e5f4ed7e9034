// A measurement whose answer is known in closed form, for any runtime that has the package.

const heads = 8;
const tokens = 64;
const strengths = Array.from({ length: heads }, (_, h) => (h + 1) / 4);
const radii = Array.from({ length: heads }, (_, h) => 2 / (h + 2));

/**
 * Head h sees coordinate h alone; half of the tokens are at +r, half at −r, and the score of two tokens is ±c. So the
 * output is ±r·tanh c, and the Jacobian's singular values are those of one pair of tokens: 1 + c·sech² c where they
 * move together, tanh c + 2c·sech² c where they move apart. The largest over the heads is at c = 1.
 */
const sigma = Math.tanh(1) + 2 / Math.cosh(1) ** 2;
const side = (token) => (token % 2 === 0 ? 1 : -1);

/** Measures on the given device in each dtype; throws where an answer is off. */
export async function prove({ createRuntime, localLipschitz }, options = {}, dtypes = ["f32", "f64"]) {
  const proven = [];
  for (const dtype of dtypes) {
    const runtime = await createRuntime({ device: "wasm", ...options, dtype });
    const layer = runtime.attention({
      heads,
      scale: 1,
      query: { weight: diagonal((h) => strengths[h] / radii[h] ** 2) },
      key: { weight: diagonal(() => 1) },
      value: { weight: diagonal(() => 1) },
    });
    const x = fill(tokens, heads, (token, h) => side(token) * radii[h]);
    const y = fill(tokens, heads, (token, h) => side(token) * radii[h] * Math.tanh(strengths[h]));
    const rtol = dtype === "f64" ? 1e-10 : 1e-5;
    const forward = await layer.forward(x);
    const found = await localLipschitz(layer, x, { rtol });
    const forwardError = Math.max(...y.data.map((value, i) => Math.abs(forward.data[i] - value)));
    const sigmaError = Math.abs(found.sigma / sigma - 1);
    if (!(forwardError <= rtol)) throw new Error(`${dtype}: the output is off by ${forwardError}`);
    if (!(sigmaError <= rtol)) throw new Error(`${dtype}: sigma is ${found.sigma}, not ${sigma}`);
    if (!(found.lower <= sigma && sigma <= found.upper)) throw new Error(`${dtype}: the bracket misses sigma`);
    const { device, simd, adapter } = runtime.info;
    proven.push({ device, dtype, simd, adapter, sigma: found.sigma, sigmaError, forwardError });
    layer.dispose();
    runtime.dispose();
  }
  return proven;
}

function diagonal(entry) {
  return fill(heads, heads, (row, column) => (row === column ? entry(row) : 0));
}

function fill(rows, columns, entry) {
  const data = Float64Array.from({ length: rows * columns }, (_, i) => entry(Math.floor(i / columns), i % columns));
  return { data, shape: [rows, columns] };
}
