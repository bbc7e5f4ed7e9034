// What distinguishes one family of transformers from another: one record, which build.ts turns into an architecture.
import type { Activation } from "../../layers/activation.js";
import type { ConfigFile } from "./config.js";
import type { ExpertsRule } from "./experts.js";
import type { Of, OfLayer } from "./of.js";
import type { RopeRule } from "./rope.js";

/** Keys of config.json for one number, in the order in which they are looked for, and its value where all are absent. */
export interface Key<T> {
  readonly keys: readonly string[];
  readonly absent?: T;
}

/** How one tensor holds query, key and value: rows of its output, one after another. */
export type Fusion =
  /** All of q, then all of k, then all of v. */
  | "joined"
  /** By head: its q, its k, its v. */
  | "heads"
  /** By group of heads: the group's q, its k, its v (Falcon). */
  | "groups"
  /** Four shards of q, v, k (CodeGen). */
  | "shards";

/** Norms of queries and keys. */
export interface QueryKeyNorms {
  /** Over each head with one gain, over each head with gains of its own, or over the whole width. */
  readonly over: "head" | "each-head" | "width";
  /** Name of the norm, with {} for the word of query and key; with {head} where each head has a tensor of its own. */
  readonly name: string;
  /** Default q and k. */
  readonly words?: readonly [string, string];
  /** Whether a layer norm has a bias; default false. */
  readonly bias?: boolean;
  readonly afterRope?: boolean;
  /** There are no tensors. */
  readonly weightless?: boolean;
}

/** Where positions come from that are added to the embeddings. */
export interface PositionTable {
  /** Undefined: sines in the first half of a row, cosines of the same angles in the second, in no file. */
  readonly name?: string;
  /** Where there is no table: angles of position · 10000^(−k / steps(width)), k < width / 2. */
  readonly steps?: (width: number) => number;
  /** Rows in front of the first token's, which the table has beside those of the context. */
  readonly offset?: number;
  /** The padding token's id, from which on tokens count; padding doesn't count. */
  readonly padding?: (config: ConfigFile) => number;
}

/** A learned table by buckets of distances (T5). */
export interface DistanceTable {
  /** Of the tensor, with the prefix of the model in front and {} for the layer where each has its own. */
  readonly name: string;
  readonly buckets: (config: ConfigFile) => number;
  readonly distance: (config: ConfigFile) => number;
}

/** How images become tokens. */
export interface ImageRule {
  /** The map of a patch, and whether it has a bias (default: it has). */
  readonly kernel: string;
  readonly kernelBias?: boolean;
  /** Learned tokens in front of the patches. */
  readonly front: readonly string[];
  /** Behind the first of them, without positions; their number is num_register_tokens. */
  readonly registers?: { readonly name: string; readonly absent: number };
  readonly positions?: Of<string | undefined>;
  /** Tokens and positions are stored without an extent of 1 in front. */
  readonly flat?: boolean;
  /** Default of patch_size; 16 if left out. */
  readonly patch?: number;
  /** Images of other sizes are read, with resampled positions. */
  readonly resizes?: boolean;
}

/** One family of checkpoints. */
export interface Family {
  /** Default "decoder". */
  readonly stack?: "decoder" | "encoder" | "text" | "vision";
  /** What the library takes for keys that are absent, sizes above all; for families whose files leave them out. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** The prefixes of all names where a head stands on the model, and other prefixes that occur. */
  readonly prefix: readonly string[];
  /** Of models that read images: what stands in the place of the table of word embeddings. */
  readonly image?: ImageRule;
  /** The table of word embeddings. */
  readonly embed: string;
  /** Another name of that table, where the first isn't there. */
  readonly embedElse?: string;
  /** Of models that read sound (Whisper): the prefix of what stands in the place of that table. */
  readonly sound?: string;
  /** Whether the file may keep that table under the head's name only; default by tie_word_embeddings. */
  readonly tied?: boolean;
  /** Prefix of a block's names, with its dot and {} for its number. */
  readonly layer: string | ((config: ConfigFile, layer: number) => string);
  /** The number of blocks where it isn't that of the layers. */
  readonly blocks?: (config: ConfigFile, layers: number) => number;
  /** The norm after the last block. */
  readonly final?: Of<string | undefined>;

  /** Width of the word embeddings where it isn't the model's. */
  readonly embedWidth?: (config: ConfigFile, width: number) => number;
  /** The embeddings of this token are zeroed, and all then scaled by keep / (1 − its share of the window) (ESM). */
  readonly masked?: (config: ConfigFile) => { readonly token: number; readonly keep: number } | undefined;
  /** On the word embeddings. */
  readonly embedScale?: (config: ConfigFile, width: number) => number;
  readonly positions?: Of<PositionTable | undefined>;
  /** Table of token types, of which all tokens have the first. */
  readonly types?: { readonly name: string; readonly key: string; readonly absent: number };
  /** The norm of the embeddings. */
  readonly embedNorm?: Of<string | undefined>;
  /** The linear map of the embeddings to the model's width: before positions are added, or after the norm. */
  readonly project?: {
    readonly name: string;
    readonly place: "before positions" | "after norm";
    readonly bias: boolean;
    /** It is there for equal widths, too. */
    readonly always?: boolean;
  };

  /** Of the names that occur for a size, this family's, for messages where all are absent: "n_embd". */
  readonly keys?: readonly string[];
  /** Keys of sizes under other names than the usual, and of the size of a head. */
  readonly sizeKeys?: {
    readonly heads?: readonly string[];
    readonly layers?: readonly string[];
    readonly headSize?: string;
  };
  /** The longest sequence: its keys, and its default. */
  readonly context: Key<number>;
  /** Default of the number of key and value heads; that of query heads if left out. */
  readonly kvHeads?: number | ((config: ConfigFile, heads: number) => number);
  /** Default of head_dim; the width by the heads if left out. */
  readonly headSize?: number;
  /** The width of the feed-forward part; what the tensors have where all keys are absent and there is no default. */
  readonly inner?: {
    readonly keys: readonly string[];
    readonly absent?: (width: number, config: ConfigFile) => number;
  };

  readonly norm: "rms" | "layer";
  /** Added to the stored gains of the norms. */
  readonly gainOffset?: number;
  /** Norms have a gain, and (layer norms) a bias; default true. */
  readonly normGain?: Of<boolean>;
  readonly normBias?: Of<boolean>;
  readonly epsilon: { readonly key?: string; readonly absent: number };
  /**
   * "sequential": h ← h + attention(norm(h)), then h ← h + feedForward(norm(h)). "parallel": both at once. "post":
   * h ← norm(h + attention(h)), then h ← norm(h + feedForward(h)). "normed": as "sequential", but what is added to is
   * the normed input.
   */
  readonly order: Of<"sequential" | "parallel" | "post" | "normed">;
  /** Norms in front of both branches, or behind the sums ("post"); undefined: none, or in parallel blocks the first's. */
  readonly norms: OfLayer<readonly [string | undefined, string | undefined]>;
  /** Norms on the branches. */
  readonly branchNorms?: readonly [string, string];
  /** Factors by channel on the branches, where the file has them (LayerScale). */
  readonly branchScales?: readonly [string, string];
  /** Factor on both branches. */
  readonly residual?: (config: ConfigFile) => number;

  /** Linear maps are stored [in, out] (GPT-2's Conv1D), not [out, in]. */
  readonly transposed?: boolean;
  /** Name of the maps of query, key and value, with {} for one of the words. */
  readonly qkv: string;
  readonly words?: readonly [string, string, string];
  readonly fusion?: Of<Fusion | undefined>;
  readonly output: string;
  /** Whether a map has a bias by config.json: "query" stands for query, key and value; undefined: as the file has it. */
  readonly bias?: (config: ConfigFile, map: "query" | "output" | "inner") => boolean | undefined;
  /** Attention to the encoder's output: the norm in front of it or behind, its maps of query, key and value, its output. */
  readonly cross?: { readonly norm: string; readonly qkv: string; readonly output: string };
  /** Queries' and keys' norms. */
  readonly queryKeyNorms?: Of<QueryKeyNorms | undefined>;
  readonly rope?: Of<RopeRule | undefined>;
  /** Whether a layer has its rotary positions; default all have. */
  readonly rotates?: (config: ConfigFile, layer: number, windowed: boolean) => boolean;
  readonly scale?: (config: ConfigFile, layer: number, headSize: number) => number;
  /** Slopes of distances on the scores, by head (ALiBi). */
  readonly slopes?: (config: ConfigFile, heads: number, scale: number) => readonly number[] | undefined;
  /** A table of what distances of patches add to the scores, with {} for the layer where each has its own (BEiT). */
  readonly patchDistances?: (config: ConfigFile) => string | undefined;
  /** Base of the rotary positions of patches in two dimensions (DINOv3). */
  readonly gridTheta?: (config: ConfigFile) => number;
  /** A table of what distances add to the scores. */
  readonly distances?: DistanceTable;
  readonly softcap?: (config: ConfigFile) => number | undefined;
  /** Logits that join the softmax with no value, by head. */
  readonly sinks?: string;
  /** The longest sequence for which queries have no factor by position, which isn't implemented. */
  readonly plainUpTo?: (config: ConfigFile) => number | undefined;
  /** Tokens see those after them too. */
  readonly bothSides?: Of<boolean>;
  /** Which layers have a window. */
  readonly windowed?: (config: ConfigFile, layer: number) => boolean;
  /** Size of the window: its key, and its value where that is absent (null: none). */
  readonly window?: { readonly key: string; readonly absent?: number };
  /**
   * What a window of a size is. "before" (default): the token and size − 1 before it, or where both sides are seen
   * size on each. "half": half its size before, or on both sides. "chunks": the tokens before in chunks of that size.
   */
  readonly windowKind?: Of<"before" | "chunks" | "half">;

  /** Names of gate, up and down; gate and up the same: one tensor of two halves. */
  readonly feedForward: Of<readonly [string | undefined, string, string]>;
  /** Of one tensor for gate and up, up is the first half. */
  readonly upFirst?: boolean;
  readonly activation: Of<{ readonly key?: string; readonly absent: string }>;
  /** The activation has tensors of its own, under this name (xIELU). */
  readonly xielu?: string;
  /** Names of activations that mean another one here. */
  readonly activations?: Readonly<Record<string, Activation>>;
  readonly experts?: ExpertsRule;
  /** Layers without experts. */
  readonly dense?: (config: ConfigFile, layer: number) => boolean;

  /** Keys that other families read, and this one's library ignores. */
  readonly ignores?: readonly string[];
  /** Keys that are refused unless their value is one of these, null, false or absent. */
  readonly refuses?: Readonly<Record<string, readonly unknown[]>>;
}
