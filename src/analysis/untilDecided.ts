// Goes on with a row until the gate can decide on it.
import { decide, type Limits, ratioOf } from "./gate.js";
import { isMeasured, type MeasuredRow, type Row } from "./report.js";

/** Each try asks for a bracket of half the width at most: twenty reach the precision of f32. */
const mostTries = 20;

/**
 * The row, measured anew with a narrower bracket while the gate cannot decide on it, at most to the solver's step
 * limit. The start is the row's own, so that every try goes on where the one before stopped.
 * @param again measures the row to these settings
 */
export async function untilDecided(
  row: Row,
  before: MeasuredRow | undefined,
  limits: Limits,
  again: (settings: { bracket: number; rtol?: number }) => Promise<Row>,
): Promise<Row> {
  let known = row;
  for (let tries = 0; tries < mostTries && isMeasured(known); tries++) {
    // Any other status says that the run ended for good: at the step limit, or where rounding ends it.
    if (decide(known, before, limits) !== "undecided" || known.status !== "converged") break;
    const bracket = bracketToAsk(known, before, limits);
    const next = await again({ bracket, rtol: Math.min(bracket, 1e-2) });
    if (!isMeasured(next)) break;
    const narrower = width(next) < width(known);
    known = next;
    if (!narrower) break;
  }
  return known;
}

/** Narrow enough to pass, if the true value is where the lower bound is; half of what there is at most. */
function bracketToAsk(row: MeasuredRow, before: MeasuredRow | undefined, { failAbove, growth }: Limits): number {
  const allowed = Math.min(
    failAbove ?? Number.POSITIVE_INFINITY,
    growth && before ? growth.factor * before.lower : Number.POSITIVE_INFINITY,
  );
  const half = width(row) / 2;
  const toPass = 0.9 * (allowed / row.lower - 1);
  return Math.max(toPass > 0 ? Math.min(half, toPass) : half, 1e-12);
}

function width({ upper, lower }: MeasuredRow): number {
  return ratioOf(upper, lower) - 1;
}
