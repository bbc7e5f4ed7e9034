export interface PaperRun {
  sigma: number;
  steps: number;
  end: "threshold" | "limit" | "cut";
  ms: number;
}
export function paperMethod(
  step: () => Promise<number>,
  options?: { threshold?: number; maxSteps?: number; budget?: number },
): Promise<PaperRun>;
