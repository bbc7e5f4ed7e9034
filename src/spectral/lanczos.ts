// Golub–Kahan–Lanczos bidiagonalization with full reorthogonalization (Golub and Kahan 1965; docs/theory.md, section 10),
// what becomes of it when its basis would outgrow the memory allowed (first one side of the basis is given up, then the
// other restarted), and how it goes on where the Krylov space has closed.
import { characteristicFactor, characteristicFactorWithin, lanczosFactor } from "./bracket.js";
import { checkCoefficient, underflowLimit } from "./coefficient.js";
import type { Estimate, Iteration, Start } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { type Leading, Segment } from "./segment.js";
import { thickRestart } from "./thickRestart.js";

/** What is left of a vector by rounding alone, in units of the operator's, is at most this many times its roundoff. */
const noise = 4;

/** Vectors of the domain: fewer leave restarts so little that sigma creeps. */
const leastVectors = 5;

/**
 * A V_k = U_k B_k; the estimate after step k is the leading singular triplet of the bidiagonal B_k, a lower bound on
 * that of A (10.1). Where both bases would take more than `basisBudget` bytes, U is given up and Lanczos on AᵀA goes on
 * from V alone, with the same Ritz values; where V alone would, it is restarted. Where the space closes, to rounding, a
 * fresh segment begins in the complement of all vectors so far (10.8).
 */
export function lanczos(space: KrylovSpace, start: Start): Iteration {
  const factorization = new Factorization(space, start);
  return { next: () => factorization.next() };
}

class Factorization {
  readonly #space: KrylovSpace;
  readonly #start: Start;
  readonly #room: Room;
  /** Segments that have closed, and the one that grows. */
  readonly #closed: Segment[] = [];
  #segment: Segment;
  /** The projection on the domain vectors of closed segments, which come first, and the best of their Ritz pairs. */
  #locked: { diagonal: number[]; offDiagonal: number[] } = { diagonal: [], offDiagonal: [] };
  #best: Leading = { sigma: 0, residual: 0, domain: new Float64Array(0) };
  /** By how much closed spaces failed to be invariant, in all. */
  #rest = 0;
  #steps = 0;
  /** Steps whose u was rounding. */
  #withoutImage = 0;
  #oneSided = false;
  #restarts = 0;
  #exact = false;
  #ended = false;

  constructor(space: KrylovSpace, start: Start) {
    this.#space = space;
    this.#start = start;
    this.#room = roomFor(space, start.basisBudget);
    this.#segment = new Segment(space.domainSize, start.guess);
  }

  async next(): Promise<Estimate> {
    const space = this.#space;
    if (!this.#oneSided && this.#size >= this.#room.twoSidedSteps) {
      this.#oneSided = true;
      this.#segment.giveUpRange();
    }
    if (this.#oneSided) await this.#makeRoom();
    const { alpha, beta } = await (this.#oneSided ? space.tridiagonalize(this.#size) : space.bidiagonalize(this.#size));
    this.#steps++;
    checkCoefficient("alpha", alpha, this.#steps, space);
    const limit = underflowLimit(space);
    const lost = alpha === 0 ? space.mayUnderflow : alpha < limit;
    const underflow = this.#steps === 1 && lost ? limit : undefined;
    // Where that has happened beta says nothing, and need not be a number.
    if (!underflow) checkCoefficient("beta", beta, this.#steps, space);
    this.#segment.push(alpha, underflow ? alpha : beta);
    const leading = this.#leading();
    const { sigma } = leading;
    // What leads out of the space; without vectors of the range, the entry alpha·beta of AᵀA.
    const gap = this.#oneSided ? (alpha / sigma) * beta : Math.min(alpha, beta);
    const closes = sigma > 0 && !underflow && gap <= noise * space.roundoff * sigma;
    const leavesNoImage = closes && !this.#oneSided && alpha <= beta;
    if (leavesNoImage) this.#withoutImage++;
    const spans =
      this.#size >= space.domainSize ||
      (closes && !this.#oneSided && this.#size - this.#withoutImage >= space.rangeSize);
    const { factor, within } = this.#proof(sigma, spans);
    const before = this.#closed.length;
    if (spans) this.#end();
    else if (closes) await this.#close(leading, gap, leavesNoImage);
    return {
      ...leading,
      exact: this.#exact,
      ended: this.#ended,
      closing: before === 0 && this.#closed.length === 1,
      underflow,
      factor,
      within,
      least: 1 + 2 * space.roundoff + (sigma > 0 ? this.#rest / sigma : 0),
      reorthogonalization: this.#oneSided ? "one-sided" : "full",
      restarts: this.#restarts,
    };
  }

  /** Domain vectors whose projection is known. */
  get #size(): number {
    return this.#locked.diagonal.length + this.#segment.size;
  }

  /** The best Ritz pair, in coefficients of all domain vectors. */
  #leading(): Leading {
    const found = this.#segment.leading();
    if (found.sigma < this.#best.sigma) return this.#best;
    return { ...found, domain: behind(this.#locked.diagonal.length, found.domain) };
  }

  /** What is known after this step. The start of segment m has a share of 2⁻ᵐ in the failure probability (10.8). */
  #proof(sigma: number, spans: boolean): Pick<Estimate, "factor" | "within"> {
    const [space, segment, rest] = [this.#space, this.#segment, this.#rest / sigma];
    const first = this.#closed.length === 0;
    const counted = first ? [segment] : [...this.#closed.slice(1), segment];
    const share = 2 ** -(this.#closed.length + 1);
    const beforehand = (failureProbability: number) => {
      if (!first) return Number.POSITIVE_INFINITY;
      const { dimension, guess, unrestarted: steps } = segment;
      // A restarted basis holds no Krylov space longer than the first, and its leading Ritz value has only grown since.
      return lanczosFactor({ dimension, guess, steps, failureProbability: failureProbability * share });
    };
    const records = () => counted.map((each) => each.record(sigma));
    return {
      factor(failureProbability) {
        if (spans) return 1 + rest;
        const found = characteristicFactor(records(), failureProbability * share, space.roundoff);
        return Math.min(beforehand(failureProbability), found) + rest;
      },
      within(limit, failureProbability) {
        if (spans) return 1 + rest <= limit;
        if (beforehand(failureProbability) + rest <= limit) return true;
        return characteristicFactorWithin(limit - rest, records(), failureProbability * share, space.roundoff);
      },
    };
  }

  #end(): void {
    this.#exact = true;
    this.#ended = true;
  }

  /** Begins a fresh segment where this one has closed, for the first time or beyond all rounding. */
  async #close(leading: Leading, gap: number, leavesNoImage: boolean): Promise<void> {
    this.#exact = this.#closed.length > 0;
    // Closed twice, it goes on for the bracket's sake alone, on what rounding leaves of its vectors as long as it does.
    if (this.#exact && gap > 0) return;
    this.#rest += gap;
    this.#best = leading;
    this.#closed.push(this.#segment);
    const { diagonal, offDiagonal } = this.#segment.projection;
    this.#locked.diagonal.push(...diagonal);
    this.#locked.offDiagonal.push(...offDiagonal.slice(0, -1), 0);
    const size = this.#locked.diagonal.length;
    this.#segment = new Segment(this.#space.domainSize - size, false, this.#segment.scale);
    if (this.#oneSided) this.#segment.giveUpRange();
    const left = await this.#space.extend?.(size, this.#start.fresh(), leavesNoImage);
    if (!left) this.#end();
  }

  /** Shortens the basis where the next step would pass the budget. */
  async #makeRoom(): Promise<void> {
    const segment = this.#segment;
    const most = this.#room.vectors - 2;
    const locked = this.#locked.diagonal.length;
    if (locked > 1 && locked + segment.size > most) {
      const { projection, reflections } = thickRestart(this.#locked, 1);
      await this.#space.restart(reflections, locked, 1, segment.size + 1);
      this.#locked = { diagonal: projection.diagonal, offDiagonal: [0] };
      this.#best = { ...this.#best, domain: Float64Array.of(1) };
      this.#restarts++;
    }
    if (this.#size <= most) return;
    const [first, size] = [this.#locked.diagonal.length, segment.size];
    const kept = Math.max(1, Math.floor(size / 2));
    const reflections = segment.restart(kept).map((g) => behind(first, g));
    await this.#space.restart(reflections, first + size, first + kept, 1);
    this.#restarts++;
  }
}

interface Room {
  /** Steps whose vectors of both sides the budget holds. */
  readonly twoSidedSteps: number;
  /** Vectors of the domain that it holds beside one of the range. */
  readonly vectors: number;
}

function roomFor({ vectorBytes, dtype }: KrylovSpace, budget: number): Room {
  const { domain, range } = vectorBytes;
  const least = leastVectors * domain + range;
  if (budget < least) {
    throw new RangeError(
      `"basisBudget": expected at least ${least} bytes, which is ${leastVectors} ${dtype} vectors of one side of the ` +
        `operator and 1 of the other, got ${budget}`,
    );
  }
  return {
    twoSidedSteps: Math.floor((budget - domain) / (domain + range)),
    vectors: Math.floor((budget - range) / domain),
  };
}

/** Coefficients of vectors that come after so many others. */
function behind(others: number, coefficients: Float64Array): Float64Array {
  if (others === 0) return coefficients;
  const all = new Float64Array(others + coefficients.length);
  all.set(coefficients, others);
  return all;
}
