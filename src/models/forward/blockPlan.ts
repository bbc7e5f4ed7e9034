// What each part of a block is made of, in layers whose weights are still to be read.
import type { Block, Branch, Read } from "../architectures/architecture.js";
import type { PartName } from "./partName.js";
import type { LeafSpec, Plan } from "./plan.js";

/** A layer that reads its weights, of a number of tokens where they depend on it. */
export interface Unread {
  readonly what: "attention" | "cross-attention" | "norm" | "feed-forward layer";
  regime?(tokens: number): number;
  read(tokens: number): Promise<LeafSpec>;
}

type UnreadPlan = Plan<Unread>;

/** The layers of one block; made once, so that parts which have a layer in common have it once. */
export interface BlockPlan {
  readonly parts: ReadonlyMap<PartName, UnreadPlan>;
  readonly attention: Unread;
  readonly cross?: Unread;
  /** From the block's input to that of its attention; undefined where they are the same. */
  readonly before?: Unread;
  /** From the block's input to what the feed-forward branch reads; undefined where they are the same. */
  readonly between?: UnreadPlan;
}

/** What the parts of a block are made of. */
export function planOf(block: Block): BlockPlan {
  const { attention, cross, feedForward } = block;
  const core: Unread = {
    what: "attention",
    regime: (tokens) => attention.regime(tokens),
    read: async (tokens) => ({ attention: await attention.spec(tokens) }),
  };
  const inner: Unread = {
    what: "feed-forward layer",
    read: async () => {
      const spec = await feedForward.spec();
      return "mixture" in spec ? { experts: spec } : { feedForward: spec };
    },
  };
  const across: Unread | undefined = cross && {
    what: "cross-attention",
    read: async () => ({ crossAttention: await cross.spec() }),
  };
  const norms = new Map<Read<unknown>, Unread>();
  const norm = (read: Branch<unknown>["before"]): Unread | undefined => {
    if (!read) return undefined;
    const made: Unread = norms.get(read) ?? { what: "norm", read: async () => ({ norm: await read() }) };
    norms.set(read, made);
    return made;
  };
  const [before, after, behind] = [norm(attention.before), norm(attention.after), norm(attention.behind)];
  const attending = chain(before, core, after);
  const feeding = chain(norm(feedForward.before), inner, norm(feedForward.after));
  const parts = new Map<PartName, UnreadPlan>([["attention", core]]);
  // Of a block without norms in front, where others of its stack have them, it is the attention alone.
  if (!behind) parts.set("normed-attention", attending);
  if (across) parts.set("cross-attention", across);
  parts.set("feed-forward", feeding);

  let between: UnreadPlan | undefined;
  let whole: UnreadPlan;
  if (block.order === "parallel") {
    const shared = before && feedForward.before === attention.before;
    const branches = shared
      ? chain(before, { sum: [chain(core, after), chain(inner, norm(feedForward.after))] })
      : { sum: [attending, feeding] };
    whole = { residual: branches };
  } else {
    const step = (first: Unread | undefined, rest: UnreadPlan, whole: UnreadPlan, behind?: Unread) =>
      block.order === "normed" ? chain(first, { residual: rest }) : chain({ residual: whole }, behind);
    between = step(before, chain(core, after), attending, behind);
    if (across) between = chain(between, { residual: chain(norm(cross?.before), across) }, norm(cross?.behind));
    const feed = chain(inner, norm(feedForward.after));
    whole = chain(between, step(norm(feedForward.before), feed, feeding, norm(feedForward.behind)));
  }
  parts.set("block", whole);
  return { parts, attention: core, cross: across, before, between };
}

/** One after the other, without those that aren't there. */
function chain(...parts: (UnreadPlan | undefined)[]): UnreadPlan {
  const there = parts.filter((part): part is UnreadPlan => part !== undefined);
  return there.length === 1 ? there[0] : { chain: there };
}
