// npm run truth: what `spectralNorm` says of thousands of random attention layers, in f64 and f32, against Jacobians in
// 80-bit arithmetic (jacobian.py, which needs Python with NumPy on x86). It exits with 1 where an end of a bracket is on
// the wrong side, or where more than 5 % of the statements of accuracy are wrong.
//   npm run truth -- --layers 5000 --seed 1 --python python3
// With --record FILE it writes the true values, in order, as test/oracle/truth.json holds those of the first 96 layers.
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createRuntime, localLipschitz, type SpectralNorm } from "../../src/index.js";
import { type DrawnLayer, drawLayer, regimeNames } from "./layers.js";

/** Of the truth itself: a singular value in doubles of a Jacobian that is exact to 18 digits. */
const slack = 1e-13;

interface Tally {
  runs: number;
  refused: number;
  certified: number;
  wrongEnds: number;
  statements: number;
  wrongStatements: number;
  steps: number;
}

const { values } = parseArgs({
  options: {
    layers: { type: "string", default: "5000" },
    seed: { type: "string", default: "1" },
    python: { type: "string", default: "python3" },
    record: { type: "string" },
  },
});
const [layers, seed] = [Number(values.layers), Number(values.seed)];
const dtypes = ["f64", "f32"] as const;
const runtimes = await Promise.all(dtypes.map((dtype) => createRuntime({ device: "wasm", dtype })));
const python = spawn(values.python, [fileURLToPath(new URL("jacobian.py", import.meta.url))], {
  stdio: ["pipe", "pipe", "inherit"],
});
const tallies = new Map<string, Tally>();
const findings: string[] = [];
const truths: number[] = [];
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
for (let index = 0; index < layers; index++) {
  const layer = drawLayer(seed, index);
  python.stdin.write(`${JSON.stringify(layer, plain)}\n`);
  const found = [];
  for (const runtime of runtimes) found.push(await measure(runtime, layer));
  const { value, done } = await answers.next();
  if (done) throw new Error(`jacobian.py ended at layer ${index}`);
  const truth = (JSON.parse(value) as { sigma: number }).sigma;
  truths.push(truth);
  for (const [d, dtype] of dtypes.entries()) judge(dtype, layer, truth, found[d]);
}
python.stdin.end();
if (values.record) await writeFile(values.record, `${JSON.stringify({ seed, sigmas: truths })}\n`);
report();

async function measure(
  runtime: (typeof runtimes)[number],
  { spec, x, index }: DrawnLayer,
): Promise<SpectralNorm | Error> {
  const layer = runtime.attention(spec);
  try {
    return await localLipschitz(layer, x, { seed: index });
  } catch (error) {
    if (error instanceof RangeError) return error;
    throw error;
  } finally {
    layer.dispose();
  }
}

function judge(dtype: string, { index, regime }: DrawnLayer, truth: number, found: SpectralNorm | Error): void {
  for (const name of [dtype, `${dtype}, ${regime}`]) {
    const tally = tallies.get(name) ?? {
      ...{ runs: 0, refused: 0, certified: 0, wrongEnds: 0, statements: 0, wrongStatements: 0, steps: 0 },
    };
    tallies.set(name, tally);
    tally.runs++;
    if (found instanceof Error) {
      tally.refused++;
      continue;
    }
    const { sigma, lower, upper, accuracy, status, certified, steps, message } = found;
    tally.steps += steps;
    if (certified) tally.certified++;
    const ends = Number(lower > truth * (1 + slack)) + Number(upper < truth * (1 - slack));
    tally.wrongEnds += ends;
    const stated = status === "converged" || status === "exact";
    const wrong = stated && Math.abs(sigma - truth) > (accuracy + slack) * truth;
    if (stated) tally.statements++;
    if (wrong) tally.wrongStatements++;
    if (name === dtype && (ends > 0 || wrong)) {
      const numbers = `truth ${truth} sigma ${sigma} [${lower}, ${upper}] accuracy ${accuracy}`;
      findings.push(`layer ${index} (${regime}), ${dtype}: ${numbers}: ${message}`);
    }
  }
}

function report(): void {
  for (const finding of findings.slice(0, 20)) console.log(finding);
  const rows = dtypes.flatMap((dtype) => [dtype, ...regimeNames.map((regime) => `${dtype}, ${regime}`)]);
  for (const name of rows) {
    const tally = tallies.get(name);
    if (!tally) continue;
    const { runs, refused, certified, wrongEnds, statements, wrongStatements, steps } = tally;
    console.log(
      `${name.padEnd(34)} ${runs} runs, ${refused} refused, ${certified} certified, ends on the wrong side ${wrongEnds}, ` +
        `statements wrong ${wrongStatements} of ${statements}, ${(steps / Math.max(1, runs - refused)).toFixed(1)} steps`,
    );
  }
  const all = dtypes.map((dtype) => tallies.get(dtype)).filter((tally): tally is Tally => tally !== undefined);
  const failed = all.some((tally) => tally.wrongEnds > 0 || tally.wrongStatements > 0.05 * tally.statements);
  process.exitCode = failed ? 1 : 0;
}

function plain(_key: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value;
}
