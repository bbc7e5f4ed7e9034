// The names of the parts that a block has.

export const partNames = ["attention", "normed-attention", "cross-attention", "feed-forward", "block"] as const;

/**
 * The parts of a block. "attention": from the exact input of its projections to the output of its output projection, a
 * scale on the branch included. "normed-attention" and "feed-forward": the branch as a function of the residual stream,
 * every norm and scale on it included, the addition not. "cross-attention": attention to an encoder's output, from the
 * exact input of its queries. "block": everything, residual additions included.
 */
export type PartName = (typeof partNames)[number];
