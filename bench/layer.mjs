// Seeded layers and inputs, their FLOPs (MATH 13.4), and timing by medians.

/** mulberry32 and Box–Muller: enough for weights, and the same numbers everywhere. */
export function gaussian(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Weights N(0, std²) and, with n, an input of the kind asked for. */
export function gaussianLayer({ d, heads, std, mask, seed, n, input = "gaussian" }) {
  const next = gaussian(seed);
  const matrix = (rows, columns, scale) => ({
    data: Float32Array.from({ length: rows * columns }, () => scale * next()),
    shape: [rows, columns],
  });
  const map = () => ({ weight: matrix(d, d, std) });
  const spec = { heads, query: map(), key: map(), value: map(), output: map(), mask };
  return { spec, x: n === undefined ? undefined : inputs[input](matrix, n, d) };
}

/** The inputs of MATH 13.3. */
const inputs = {
  gaussian: (matrix, n, d) => matrix(n, d, 1),
  anisotropic(matrix, n, d) {
    const x = matrix(n, d, 1);
    for (let i = 0; i < n * d; i++) x.data[i] *= 3 / (1 + (8 * (i % d)) / d);
    return x;
  },
  clustered(matrix, n, d) {
    const centres = matrix(4, d, 1);
    const x = matrix(n, d, 0.1);
    for (let i = 0; i < n * d; i++) x.data[i] += centres.data[(Math.floor(i / d) % 4) * d + (i % d)];
    return x;
  },
  "low-rank"(matrix, n, d) {
    const left = matrix(n, 3, 0.6);
    const right = matrix(3, d, 1);
    const x = matrix(n, d, 0);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < d; c++) {
        for (let r = 0; r < 3; r++) x.data[i * d + c] += left.data[i * 3 + r] * right.data[r * d + c];
      }
    }
    return x;
  },
};

/** Dense FLOPs of a forward and of one JᵀJ application; a causal layer needs only the pairs it keeps. */
export function forwardFlops({ d, n, causal }) {
  return 8 * n * d * d + 2 * 2 * n * pairs(n, causal) * d;
}

export function applicationFlops({ d, n, causal }) {
  return 16 * n * d * d + 8 * 2 * n * pairs(n, causal) * d;
}

function pairs(n, causal) {
  return causal ? (n + 1) / 2 : n;
}

/** Milliseconds of processor time so far: what one thread costs, whoever else is on the machine. */
export function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export async function time(action, clock = () => performance.now()) {
  const start = clock();
  await action();
  return clock() - start;
}

/** Milliseconds by a clock, the wall's unless another is given, after two runs to warm up. */
export async function median(runs, action, clock) {
  const times = [];
  for (let run = -2; run < runs; run++) {
    const elapsed = await time(action, clock);
    if (run >= 0) times.push(elapsed);
  }
  return middle(times);
}

/** The median of an odd number of values; of an even one, the upper of the two. */
export function middle(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** Power iteration on JᵀJ from x, on the device: a step is one application, two norms and a residual beside it. */
export function powerIteration(linearization, x) {
  const { operator } = linearization.onDevice;
  const { device, inShape, outShape } = operator;
  const lease = device.lease();
  let [v, next] = [lease.vector(inShape, "a vector"), lease.vector(inShape, "a vector")];
  const u = lease.vector(outShape, "a vector");
  const scalars = lease.scalars(3, "lengths");
  device.write(v, x.data);
  device.normalize(v, scalars, 0);
  return {
    async iterate() {
      await operator.jvp(v, u);
      device.normalize(u, scalars, 1);
      await operator.vjp(u, next);
      device.distance(next, 1, v, scalars, 2);
      device.normalize(next, scalars, 0);
      [v, next] = [next, v];
      return device.results(scalars);
    },
    dispose: () => lease.dispose(),
  };
}
