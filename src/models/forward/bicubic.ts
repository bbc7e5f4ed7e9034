// Bicubic resampling as PyTorch's interpolate does it: a = −0.75, corners not aligned, no antialiasing.
const a = -0.75;

/** A grid [rows, columns, depth] resampled to [toRows, toColumns, depth]. */
export function resampled(
  grid: ArrayLike<number>,
  [rows, columns]: readonly [number, number],
  [toRows, toColumns]: readonly [number, number],
  depth: number,
): Float64Array {
  const [down, across] = [taps(rows, toRows), taps(columns, toColumns)];
  const image = new Float64Array(toRows * toColumns * depth);
  for (const [y, vertical] of down.entries()) {
    for (const [x, horizontal] of across.entries()) {
      const to = (y * toColumns + x) * depth;
      for (const [row, rowWeight] of vertical) {
        for (const [column, columnWeight] of horizontal) {
          const from = (row * columns + column) * depth;
          const weight = rowWeight * columnWeight;
          for (let c = 0; c < depth; c++) image[to + c] += weight * grid[from + c];
        }
      }
    }
  }
  return image;
}

/** Of each target, four sources and their weights; those beyond the rim are the rim. */
function taps(from: number, to: number): [number, number][][] {
  return Array.from({ length: to }, (_, target) => {
    const place = ((target + 0.5) * from) / to - 0.5;
    const first = Math.floor(place);
    const t = place - first;
    const weights = [far(t + 1), near(t), near(1 - t), far(2 - t)];
    return weights.map((weight, at) => [Math.min(Math.max(first + at - 1, 0), from - 1), weight]);
  });
}

function near(x: number): number {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}

function far(x: number): number {
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}
