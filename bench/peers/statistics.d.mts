export interface Summary {
  median: number;
  low: number;
  high: number;
  runs: number;
}
export function summary(times: number[]): Summary;
export function geometricMean(values: number[]): number;
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number;
