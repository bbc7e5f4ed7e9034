// The kernels' structures of a linearization, and memory for everything they point to.
import { type ResolvedMask, seenKeys } from "../../layers/attention/mask.js";
import type { WasmVector } from "./device.js";
import type { Heap, Region } from "./heap.js";
import { GRADIENT_SPACE, PRIMAL, ROW, readField, stripSize, tileRows, writePanels, writeStruct } from "./layout.js";
import type { Tiling } from "./tiles.js";
import type { LayerSizes } from "./weights.js";

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
  const { heads, kvHeads, dHead, dValue } = spec;
  const tokens = tiling.panels * columns;
  const keys = tiling.strips * tileRows(heap);
  const reals = (count: number) => region.reals(count, "the work space of a gradient");
  const at = region.bytes(GRADIENT_SPACE.bytes, "the work space of a gradient");
  writeStruct(heap, at, GRADIENT_SPACE, {
    primal,
    channels: reals(tokens * (heads * dHead + kvHeads * (dHead + dValue))),
    keyTangents: reals(stripSize(heap, dHead, keys)),
    valueTangents: reals(keys * dValue),
    queryTangents: reals(tokens * Math.ceil(keyRows(spec).keyColumns / columns) * columns),
    outer: region.bytes(tiling.scoreBytes, "the work space of a gradient"),
    inner: region.bytes(tiling.scoreBytes, "the work space of a gradient"),
  });
  return at;
}

/** Multiply-adds of one application with J or its transpose, as many as without a mask. */
export function multiplyAdds({ heads, kvHeads, dHead, dValue, dIn, dOut }: LayerSizes, n: number): number {
  const channels = heads * dHead + kvHeads * (dHead + dValue);
  return n * (dIn * channels + heads * dValue * dOut + 2 * heads * n * (dHead + dValue));
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
  const channels = heads * dHead + kvHeads * (dHead + dValue);
  const tokens = panels * columns;
  const keys = strips * tileRows(heap);
  const pairs = spec.frequencies?.length ?? 0;
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
    moves: reals(channels, work),
    attends: reals(tokens, kept),
    o: outputs,
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
  });
  const all = streamed ? undefined : reusedBy(kvHeads);
  const copies = Array.from({ length: members }, () => ({
    ...fields,
    ...workOfHead(),
    ...(all ?? reusedBy(1)),
  }));
  return { at: region.bytes(PRIMAL.bytes * copies.length, "a linearization"), copies };
}

function zeros(region: Region, bytes: number, what: string): number {
  const at = region.bytes(bytes, what);
  new Uint8Array(region.heap.memory.buffer, at, bytes).fill(0);
  return at;
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
  return Math.max(1e-5, sharpness * 1e-7) * (heap.word === 4 ? 1 : 2 ** -29);
}

/** The largest |score| that any query attended to; not finite where scores overflow. */
export function largestScore(heap: Heap, primal: number, members: number): number {
  return Math.max(...copiesOf(primal, members).map((at) => readField(heap, at, PRIMAL, ":maxScore")));
}

function copiesOf(primal: number, members: number): number[] {
  return Array.from({ length: members }, (_, member) => primal + member * PRIMAL.bytes);
}

/** cos and sin of position·frequency, in panels of a row a pair. */
export function writeRotations(region: Region, cos: number, sin: number, n: number, frequencies: Float64Array): void {
  const pairs = frequencies.length;
  const angles = Float64Array.from({ length: n * pairs }, (_, at) => Math.floor(at / pairs) * frequencies[at % pairs]);
  writePanels(region.heap, cos, angles.map(Math.cos), n, pairs);
  writePanels(region.heap, sin, angles.map(Math.sin), n, pairs);
}
