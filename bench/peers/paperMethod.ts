// The power iteration of Castin, Ablin and Peyré's released code, with the tangent where it takes the output
// (MATH 13.1: `[1]` for `[0]`): mu = ⟨u, JᵀJ u⟩, u ← JᵀJ u / |JᵀJ u|, until mu changes by at most the threshold.

export interface PaperRun {
  sigma: number;
  steps: number;
  end: "threshold" | "limit" | "cut";
  ms: number;
}

/**
 * @param step makes one iteration and resolves to its mu
 * @returns sigma = √mu, the steps, and what ended it: "threshold", "limit" (maxSteps), or "cut" (budget, in ms)
 */
export async function paperMethod(
  step: () => Promise<number>,
  { threshold = 1e-4, maxSteps = 100, budget = Number.POSITIVE_INFINITY } = {},
): Promise<PaperRun> {
  const start = performance.now();
  let mu = 0;
  let end: PaperRun["end"] = "limit";
  let steps = 0;
  while (steps < maxSteps) {
    const before = mu;
    mu = await step();
    steps++;
    if (Math.abs(mu - before) <= threshold) {
      end = "threshold";
      break;
    }
    if (steps < maxSteps && performance.now() - start > budget) {
      end = "cut";
      break;
    }
  }
  return { sigma: Math.sqrt(mu), steps, end, ms: performance.now() - start };
}
