// The contestant's side: one JSON request a line on stdin, one answer a line on stdout. A contestant offers
// `load(problem)`, and of `forward`, `application`, `sigma` and others what it can do.
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { readProblem } from "./problem.mjs";

export async function serve(contestant) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { op, ...request } = JSON.parse(line);
    let answer;
    try {
      answer = await actions[op](contestant, request);
    } catch (error) {
      answer = { failed: String(error?.stack ?? error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

const actions = {
  info: (contestant) => contestant.info,
  async load(contestant, { problem }) {
    await contestant.load(await readProblem(problem));
    return {};
  },
  /** Milliseconds; with `out`, the result too, as raw f32. */
  async time(contestant, { what, out }) {
    const start = performance.now();
    const result = await contestant[what]();
    const ms = performance.now() - start;
    if (out) await writeFile(out, new Uint8Array(Float32Array.from(await contestant.read(what, result)).buffer));
    await contestant.release?.(result);
    return { ms };
  },
  sigma: (contestant, request) => contestant.sigma(request),
  own: (contestant, { what }) => contestant[what](),
};
