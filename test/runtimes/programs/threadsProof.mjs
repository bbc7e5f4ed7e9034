// Two threads against one, on a layer that is large enough to be shared.
const heads = 8;
const tokens = 128;
const features = 64;

/** What threads there are in each dtype; throws where their answer is not one thread's to the last bit. */
export async function proveThreads({ createRuntime, localLipschitz }) {
  const proven = [];
  for (const dtype of ["f32", "f64"]) {
    const answers = [];
    for (const threads of [1, 2]) {
      const runtime = await createRuntime({ device: "wasm", dtype, threads });
      const layer = runtime.attention({ heads, query: map(1), key: map(2), value: map(3), output: map(4) });
      const { sigma, history, right } = await localLipschitz(layer, matrix(tokens, features, 5, 1));
      answers.push(JSON.stringify([sigma, [...history], [...right.data]]));
      if (threads === 2) proven.push({ dtype, threads: runtime.info.threads });
      runtime.dispose();
    }
    if (answers[0] !== answers[1]) throw new Error(`${dtype}: two threads give another answer than one`);
  }
  return proven;
}

const map = (seed) => ({ weight: matrix(features, features, seed, 0.2) });

function matrix(rows, columns, seed, size) {
  return {
    data: Float64Array.from({ length: rows * columns }, (_, i) => size * Math.sin(seed * 12.9898 * (i + 1))),
    shape: [rows, columns],
  };
}
