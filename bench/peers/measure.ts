// The three questions: do all compute the same thing, how long does one call take, how long until sigma.
import { readVector } from "./problem.mjs";
import { relativeError, summary } from "./statistics.ts";

/** A process of contestant.mjs, or what stands for it in a test. */
export interface Asked<Answer = unknown> {
  name: string;
  ask(op: string, request: { what?: string; out?: string; rtol?: number; budget?: number }): Promise<Answer>;
}

interface Entry<Answer = unknown> {
  contestant: Asked<Answer>;
  method: string;
}

export interface Agreement {
  who: string;
  method: string;
  error: number;
}

interface Effort {
  rounds: number;
  seconds: number;
}

interface SigmaAnswer {
  ms: number;
  sigma: number;
  steps: number;
  end: string;
}

/** f32 arithmetic on logits of some tens (MATH 10.4), and far below any mistake in a formula. */
export const agreementLimit = 1e-4;

/**
 * Every contestant's forward and JᵀJ u against the first's. It runs everything once, so it also warms up.
 * @throws if any two differ by more than the limit (NaN does): then there is nothing to time
 */
export async function agreement(entries: Entry[], what: string, out: string): Promise<Agreement[]> {
  const errors: Agreement[] = [];
  let reference: ArrayLike<number> | undefined;
  for (const { contestant, method } of entries) {
    await contestant.ask("time", { what: method, out });
    const result = await readVector(out);
    reference ??= result;
    errors.push({ who: contestant.name, method, error: relativeError(result, reference) });
  }
  const wrong = errors.filter(({ error }) => !(error <= agreementLimit));
  if (wrong.length > 0) {
    const list = wrong.map(({ who, method, error }) => `${who} (${method}) by ${error.toExponential(1)}`).join(", ");
    throw new Error(`no times: ${what} differs from ${errors[0].who}'s, where ${agreementLimit} is allowed: ${list}`);
  }
  return errors;
}

/** One run each in turn, so that all see the same noise; who has used up its seconds leaves. */
async function alternate<R extends { ms: number }>(jobs: (() => Promise<R>)[], { rounds, seconds }: Effort) {
  const results: R[][] = jobs.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, job] of jobs.entries()) {
      const spent = results[index].reduce((sum, { ms }) => sum + ms, 0);
      if (round === 0 || spent < 1000 * seconds) results[index].push(await job());
    }
  }
  return results;
}

export async function callTimes(entries: Entry<{ ms: number }>[], effort: Effort) {
  const jobs = entries.map(
    ({ contestant, method }) =>
      () =>
        contestant.ask("time", { what: method }),
  );
  const results = await alternate(jobs, effort);
  return entries.map(({ contestant, method }, index) => ({
    who: contestant.name,
    method,
    ...summary(results[index].map(({ ms }) => ms)),
  }));
}

/** Seconds to sigma, its true relative error, steps, and what ended the run. Deterministic but for the time. */
export async function sigmaTimes(
  contestants: Asked<SigmaAnswer>[],
  truth: number,
  { budget, ...effort }: Effort & { budget: number },
) {
  const jobs = contestants.map((contestant) => () => contestant.ask("sigma", { rtol: 1e-4, budget: 1000 * budget }));
  const results = await alternate(jobs, effort);
  return contestants.map((contestant, index) => {
    const { sigma, steps, end } = results[index][0];
    return {
      who: contestant.name,
      ...summary(results[index].map(({ ms }) => ms / 1000)),
      sigma,
      error: Math.abs(sigma / truth - 1),
      steps,
      end,
    };
  });
}
