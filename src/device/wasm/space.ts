// The kernels' structures of a linearization, and memory for everything they point to.
import { biasAt, type ResolvedBias } from "../../layers/attention/bias.js";
import { type ResolvedMask, seenKeys } from "../../layers/attention/mask.js";
import type { WasmVector } from "./device.js";
import type { Heap, Region } from "./heap.js";
import { GRADIENT_SPACE, PRIMAL, ROW, readField, stripSize, tileRows, writePanels, writeStruct } from "./layout.js";
import type { Tiling } from "./tiles.js";
import { channelsOf, type LayerSizes } from "./weights.js";

/** How long the kernels' rows are that meet the tangents of keys, and the rows of their gradients (assembly/attention/score.ts). */
function keyRows({ kind, dHead }: LayerSizes): { tangentRows: number; keyColumns: number } {
  return kind === "l2"
    ? { tangentRows: 2 * dHead + 1, keyColumns: dHead + 2 }
    : { tangentRows: 2 * dHead, keyColumns: dHead };
}

/** Memory for one gradient beside the primal's own. */
export function gradientSpace(region: Region, spec: LayerSizes, primal: number, tiling: Tiling): number {
  const { heap } = region;
  const columns = ROW / heap.word;
  const { dHead, dValue } = spec;
  const tokens = tiling.panels * columns;
  const channels = channelsOf(spec);
  const outputs = spec.gateWidth;
  const normed = spec.queryNorm || spec.keyNorm ? tokens * channels : 0;
  const keys = tiling.strips * tileRows(heap);
  const reals = (count: number) => region.reals(count, "the work space of a gradient");
  const at = region.bytes(GRADIENT_SPACE.bytes, "the work space of a gradient");
  writeStruct(heap, at, GRADIENT_SPACE, {
    primal,
    channels: reals(tokens * channels),
    keyTangents: reals(stripSize(heap, dHead, keys)),
    valueTangents: reals(keys * dValue),
    queryTangents: reals(tokens * Math.ceil(keyRows(spec).keyColumns / columns) * columns),
    outer: region.bytes(tiling.scoreBytes, "the work space of a gradient"),
    inner: region.bytes(tiling.scoreBytes, "the work space of a gradient"),
    raw: spec.softcap ? region.bytes(tiling.scoreBytes, "the work space of a gradient") : 0,
    normTangents: normed ? reals(normed) : 0,
    cotangents: normed ? reals(normed) : 0,
    ofTangents: outputs ? reals(tokens * outputs) : 0,
    ofOutputs: outputs ? reals(tokens * outputs) : 0,
  });
  return at;
}

/** Multiply-adds of one application with J or its transpose, as many as without a mask. */
export function multiplyAdds(sizes: LayerSizes, n: number): number {
  const { heads, dHead, dValue, dIn, dOut } = sizes;
  return n * (dIn * channelsOf(sizes) + heads * dValue * dOut + 2 * heads * n * (dHead + dValue));
}

/**
 * Memory for everything that the derivatives reuse, and for the work of one application, which `members` threads share:
 * a copy of the structure for each, with a work space of its own for one head.
 */
export function primalSpace(
  region: Region,
  spec: LayerSizes,
  { at: x, shape: [n] }: WasmVector,
  tiling: Tiling,
  byEntry: boolean,
  members: number,
) {
  const { heap } = region;
  const columns = ROW / heap.word;
  const { heads, kvHeads, dHead, dValue, dIn } = spec;
  const { panels, strips, groups, groupPanels, headBytes, scoreBytes } = tiling;
  const channels = channelsOf(spec);
  const tokens = panels * columns;
  const keys = strips * tileRows(heap);
  const pairs = spec.frequencies?.length ?? spec.angles?.pairs ?? 0;
  const { tangentRows, keyColumns } = keyRows(spec);
  const toStrips = (count: number) => stripSize(heap, count, 1);
  const toPanels = (count: number) => Math.ceil(count / columns) * columns;
  const reals = (count: number, what: string) => region.reals(count, what);
  const kept = "what the derivatives reuse";
  const work = "the work space of a linearization";
  // Past the budget the probabilities are made again in every application instead of kept.
  const streamed = heads * headBytes > region.heap.scoreBudget;
  // The heads' outputs are done with before their tangents are first needed.
  const outputs = reals(tokens * heads * dValue, work);
  const tangents = reals(tokens * channels, work);
  const norms = spec.queryNorm || spec.keyNorm ? heads + kvHeads : 0;
  const bias = spec.bias ? writeBias(region, spec, n, tiling) : { biasKind: 0, bias: 0, biasHead: 0 };
  const fields = {
    shared: members > 1 ? 1 : 0,
    n,
    panels,
    strips,
    groups,
    groupPanels,
    headBytes,
    streamed: streamed ? 1 : 0,
    tiles: region.bytes(tiling.tiles.length, "the mask"),
    lo: reals(tokens, "the mask"),
    hi: reals(tokens, "the mask"),
    allowed: byEntry ? region.bytes(n * n, "the mask") : 0,
    pairs,
    cos: pairs ? reals(tokens * pairs, "the rotations") : 0,
    sin: pairs ? reals(tokens * pairs, "the rotations") : 0,
    seen: reals(tokens, "the mask"),
    groupFirst: region.bytes(groups * 4, "the mask"),
    groupEnd: region.bytes(groups * 4, "the mask"),
    groupOffset: region.bytes(groups * 4, "the mask"),
    x,
    qkv: reals(tokens * channels, kept),
    mean: region.bytes(dIn * ROW, work),
    centred: channels < dIn ? reals(tokens * dIn, work) : tangents,
    offsets: reals(toStrips(channels), kept),
    moves: reals(2 * channels, work),
    attends: reals(tokens, kept),
    ...bias,
    normed: norms ? reals(tokens * norms * dHead, kept) : 0,
    deviations: norms ? reals(tokens * norms, kept) : 0,
    // An output gate reads them in every application.
    o: spec.gateWidth ? reals(tokens * heads * dValue, kept) : outputs,
    dqkv: tangents,
    dO: outputs,
  };
  const workOfHead = () => ({
    keyChannels: reals(keys * toStrips(dHead), work),
    valueChannels: reals(keys * toStrips(dValue), work),
    queryRows: reals(tokens * toPanels(keyColumns), work),
    dValueChannels: reals(keys * toStrips(dValue), work),
    queryPanels: reals(groupPanels * columns * tangentRows, work),
    scores: region.bytes(scoreBytes, work),
    gradientRows: reals(tokens * toPanels(dValue), work),
    gradientKeys: reals(Math.max(keys, tokens) * toPanels(keyColumns), work),
    gradientValues: reals(Math.max(keys, tokens) * toPanels(dValue), work),
  });
  // Kept, for all heads together; streamed, for one head at a time.
  const reusedBy = (kvHeads: number) => ({
    keyStrips: reals(kvHeads * keys * tangentRows, kept),
    valueStrips: reals(kvHeads * keys * dValue, kept),
    held: zeros(region, 8, kept),
    probabilities: region.bytes(streamed ? scoreBytes : heads * headBytes, "the attention probabilities"),
    bends: spec.softcap ? region.bytes(streamed ? scoreBytes : heads * headBytes, "the capped scores") : 0,
  });
  const all = streamed ? undefined : reusedBy(kvHeads);
  // One alone has no need of a copy, which costs a small input more than its scores.
  const copies = Array.from({ length: members }, () =>
    Object.assign(members === 1 ? fields : { ...fields }, workOfHead(), all ?? reusedBy(1)),
  );
  return { at: region.bytes(PRIMAL.bytes * copies.length, "a linearization"), copies };
}

function zeros(region: Region, bytes: number, what: string): number {
  const at = region.bytes(bytes, what);
  new Uint8Array(region.heap.memory.buffer, at, bytes).fill(0);
  return at;
}

/** Numbers in front of and behind a head's bias by distance (assembly/attention/modifiers.ts). */
const BIAS_PADDING = 8;

/** What is added to scores, as the kernels read it: by distance, or in panels of queries. */
function writeBias(region: Region, { bias, heads }: LayerSizes, n: number, { panels, strips }: Tiling) {
  const { heap } = region;
  const keys = strips * tileRows(heap);
  const what = "the bias of the scores";
  const at = biasAt(bias as ResolvedBias, n);
  if ("byDistance" in at) {
    const own = 2 * n - 1;
    const stride = own + 2 * BIAS_PADDING;
    const address = region.reals(heads * stride, what);
    const view = heap.reals(address, heads * stride).fill(0);
    for (let h = 0; h < heads; h++) {
      view.set(at.byDistance.subarray(h * own, (h + 1) * own), h * stride + BIAS_PADDING);
    }
    return { biasKind: 1, bias: address, biasHead: stride * heap.word };
  }
  const columns = ROW / heap.word;
  const stride = panels * keys * columns;
  const address = region.reals(at.heads * stride, what);
  const view = heap.reals(address, at.heads * stride).fill(0);
  for (let h = 0; h < at.heads; h++) {
    for (let i = 0; i < n; i++) {
      let to = h * stride + Math.floor(i / columns) * keys * columns + (i % columns);
      for (let j = 0, from = (h * n + i) * n; j < n; j++, to += columns) view[to] = at.matrix[from++];
    }
  }
  return { biasKind: 2, bias: address, biasHead: at.heads === 1 ? 0 : stride * heap.word };
}

/** Equal weights, which sum to 1, of the tokens that some query may attend to; 0 for the others. */
export function writeSeen(region: Region, at: number, tokens: number, mask: ResolvedMask): void {
  const seen = seenKeys(mask);
  const count = seen.reduce((sum, one) => sum + one, 0);
  const weights = region.heap.reals(at, tokens).fill(0);
  if (count > 0) for (const [j, one] of seen.entries()) weights[j] = one / count;
}

/**
 * The relative rounding error of one product with the Jacobian, from what the kernels have seen at this input: 1e-5 in
 * f32, and 1e-7 of the scores' sharpness where that is more; 2⁻²⁹ of either in f64.
 */
export function roundoffAt(heap: Heap, primal: number, members: number): number {
  const sharpness = Math.max(...copiesOf(primal, members).map((at) => readField(heap, at, PRIMAL, ":sharpness")));
  return Math.max(1e-5, sharpness * 1e-7) * (heap.word === 4 ? 1 : 2 ** -27);
}

/** The largest |score| that any query attended to; not finite where scores overflow. */
export function largestScore(heap: Heap, primal: number, members: number): number {
  return Math.max(...copiesOf(primal, members).map((at) => readField(heap, at, PRIMAL, ":maxScore")));
}

function copiesOf(primal: number, members: number): number[] {
  return Array.from({ length: members }, (_, member) => primal + member * PRIMAL.bytes);
}

/** cos and sin of the tokens' angles, in panels of a row a pair. */
export function writeRotations(
  region: Region,
  cos: number,
  sin: number,
  { data, pairs }: { data: Float64Array; pairs: number },
): void {
  const n = data.length / pairs;
  writePanels(region.heap, cos, data.map(Math.cos), n, pairs);
  writePanels(region.heap, sin, data.map(Math.sin), n, pairs);
}
