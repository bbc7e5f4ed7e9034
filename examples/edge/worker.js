// A Worker that measures one attention layer: POST { layer, x } as JSON, matrices as arrays of rows, for sigma with its
// bracket. Run it with `npx wrangler dev`, or bundle it with the conditions `workerd` and `import`.
import { createRuntime, localLipschitz, OutOfMemoryError } from "howsmooth";

const limits = {
  bodyBytes: 2 ** 20,
  memoryBytes: 64 * 2 ** 20,
  /** Multiplications of a whole measurement: under a second of CPU. The clock of a Worker stands still meanwhile. */
  multiplications: 4e9,
  steps: 60,
};

export default {
  async fetch(request) {
    try {
      return Response.json(await measure(await readRequest(request)));
    } catch (error) {
      const refusal = refusalOf(error);
      if (!refusal) throw error;
      return Response.json({ error: refusal.message }, { status: refusal.status, headers: refusal.headers });
    }
  },
};

async function measure({ layer: given, x: rows }) {
  const x = matrix("x", rows);
  const spec = layerOf(given);
  const [n, d] = x.shape;
  const work = multiplications(spec, n, d);
  if (work > limits.multiplications) {
    throw new Refusal(413, `the layer at ${n} tokens is too much work: ${work} of at most ${limits.multiplications}`);
  }
  const runtime = await createRuntime({ device: "wasm", memoryLimit: limits.memoryBytes });
  try {
    const found = await localLipschitz(runtime.attention(spec), x, { maxSteps: limits.steps, bracket: 0.05 });
    const { sigma, lower, upper, failureProbability, status, steps } = found;
    return { sigma, lower, upper, failureProbability, status, steps, tokens: n };
  } finally {
    runtime.dispose();
  }
}

/** A step applies the Jacobian and its transpose: each passes the maps of d features and the n² scores about thrice. */
function multiplications(spec, n, d) {
  const columns = ["query", "key", "value", "output"].reduce(
    (sum, name) => sum + (spec[name]?.weight.shape[1] ?? 0),
    0,
  );
  return limits.steps * 2 * (n * d * columns + 3 * n * n * columns);
}

async function readRequest(request) {
  if (request.method !== "POST") throw new Refusal(405, "POST a layer and tokens as JSON", { allow: "POST" });
  const parts = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.byteLength;
    if (size > limits.bodyBytes) throw new Refusal(413, `the body has more than ${limits.bodyBytes} bytes`);
    parts.push(part);
  }
  try {
    const body = JSON.parse(await new Blob(parts).text());
    if (body?.layer && body.x) return body;
  } catch {}
  throw new Refusal(400, 'the body is not JSON with "layer" and "x"');
}

function layerOf(given) {
  const spec = { ...given };
  for (const name of ["query", "key", "value", "output"]) {
    if (given[name] === undefined) continue;
    const { weight, bias } = given[name] ?? {};
    spec[name] = { weight: matrix(`${name}.weight`, weight) };
    if (bias !== undefined) spec[name].bias = { data: Float32Array.from(bias), shape: [bias.length] };
  }
  return spec;
}

function matrix(name, rows) {
  const width = Array.isArray(rows) ? rows[0]?.length : undefined;
  if (!width || !rows.every((row) => Array.isArray(row) && row.length === width)) {
    throw new Refusal(422, `"${name}": expected rows of equal length`);
  }
  return { data: Float32Array.from(rows.flat()), shape: [rows.length, width] };
}

class Refusal extends Error {
  constructor(status, message, headers) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** What the caller can mend, with the status that says so. */
function refusalOf(error) {
  if (error instanceof Refusal) return error;
  if (error instanceof OutOfMemoryError) return new Refusal(413, error.message);
  if (error instanceof TypeError || error instanceof RangeError) return new Refusal(422, error.message);
  return undefined;
}
