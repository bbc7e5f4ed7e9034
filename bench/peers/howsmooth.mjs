// Ours, from dist/, on whichever Node runs this.
import { readFile } from "node:fs/promises";
import { createRuntime, localLipschitz, spectralNorm } from "../../dist/index.js";
import { ceilingLoop } from "../ceiling.mjs";
import { gemmSpeed, shapes } from "../gemm.mjs";
import { powerIteration } from "../layer.mjs";
import { serve } from "./serve.mjs";

const runtime = await createRuntime({ device: "wasm" });
const { simd } = runtime.info;
const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
let layer;
let input;
let direction;
let linearization;
let space;

const spec = ({ weights, heads, causal }) => ({
  heads,
  ...Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, { weight }])),
  mask: causal ? "causal" : "none",
});

let problem;

await serve({
  info: { version, on: `Node ${process.versions.node}, ${simd}` },

  async load(loaded) {
    space?.dispose();
    linearization?.dispose();
    layer?.dispose();
    problem = loaded;
    input = problem.x;
    direction = problem.u;
    layer = runtime.attention(spec(problem));
    linearization = await layer.linearize(input);
    space = powerIteration(linearization, direction);
  },

  forward: () => layer.forward(input),

  /** A step of power iteration: JᵀJ on the vector it keeps, two norms and a residual beside it. */
  application: () => space.iterate(),

  /** For the agreement check: the same kernels on the shared direction. */
  async read(what, result) {
    if (what === "forward") return result.data;
    const pushed = await linearization.jvp(direction);
    return (await linearization.vjp(pushed)).data;
  },

  async sigma({ rtol }) {
    const start = performance.now();
    const { sigma, steps, status } = await localLipschitz(layer, input, { rtol });
    return { ms: performance.now() - start, sigma, steps, end: status };
  },

  /** In doubles, from another start than the timed runs': what their error is measured against. */
  async truth() {
    const exact = await createRuntime({ device: "wasm", dtype: "f64" });
    const at = await exact.attention(spec(problem)).linearize(input);
    const { sigma, status } = await spectralNorm(at, { rtol: 1e-7, seed: 99, maxSteps: 200 });
    at.dispose();
    exact.dispose();
    return { sigma, status };
  },

  async gemm() {
    const relaxed = simd === "relaxed";
    const build = `../../build/kernels/f32-${relaxed ? "relaxed" : "simd"}.wasm`;
    const kernels = await readFile(new URL(build, import.meta.url));
    const ceiling = await ceilingLoop(relaxed);
    const speeds = [];
    for (const shape of shapes) speeds.push({ ...shape, ...(await gemmSpeed(kernels, shape, ceiling)) });
    return { shapes: speeds };
  },
});
