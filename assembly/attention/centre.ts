// What never enters the Jacobian is taken out of its numbers before it can round: the tokens' mean, and the biases of
// keys and values. Rows of dP sum to 0, so that any row vector may be subtracted from all values, and from all keys, or
// for distances from queries and keys alike. The output gets back what its values have lost, as an addition at the end.
import { laneSum, largestLane, madd, MR, ROW, splat, WORD } from "../base/simd";
import { barrier, shareEnd, shareStart } from "../base/team";
import { multiplyTokens } from "./channels";
import { gateChannel, keyChannel, kvHeadOf, valueChannel } from "./layer";
import { groupEndPanel, Primal } from "./primal";
import { keysMayShift, queriesFollowKeys, valuesMayShift } from "./score";

/** Queries, keys and values of all tokens, less what may be subtracted; ends with this member's share of the panels. */
export function projectCentred(s: Primal): void {
  const l = s.layer;
  meanToken(s);
  barrier();
  centreTokens(s);
  multiplyTokens(s, l.channels, l.dIn, l.project, s.centred, s.qkv);
  projectMean(s);
  barrier();
  chooseMoves(s);
  barrier();
  addMoves(s);
}

/** The mean of the tokens that some query may attend to, in all lanes of a panel: this member's share of the features. */
function meanToken(s: Primal): void {
  const dIn = s.layer.dIn;
  const first = shareStart(dIn), end = shareEnd(dIn);
  const mean = s.mean + <usize>first * ROW, stop = s.mean + <usize>end * ROW;
  memory.fill(mean, 0, stop - mean);
  for (let p = 0; p < s.panels; p++) {
    const w0 = v128.load(s.seen + <usize>p * ROW), w1 = v128.load(s.seen + <usize>p * ROW, 16);
    let from = s.x + <usize>(p * dIn + first) * ROW;
    for (let at = mean; at < stop; at += ROW) {
      v128.store(at, madd(v128.load(from), w0, madd(v128.load(from, 16), w1, v128.load(at))));
      from += ROW;
    }
  }
  for (let at = mean; at < stop; at += ROW) {
    const x = splat(<Real>laneSum(v128.load(at)));
    v128.store(at, x);
    v128.store(at, x, 16);
  }
}

/** centred = x − mean for the tokens of the mean, x for others, in this member's panels; unused lanes stay zero. */
function centreTokens(s: Primal): void {
  const bytes = <usize>s.layer.dIn * ROW;
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const from = s.x + <usize>p * bytes, to = s.centred + <usize>p * bytes;
    const w0 = seenLanes(s, p, 0), w1 = seenLanes(s, p, 16);
    for (let at: usize = 0; at < bytes; at += ROW) {
      const mean = v128.load(s.mean + at);
      v128.store(to + at, v128.sub<Real>(v128.load(from + at), v128.and(mean, w0)));
      v128.store(to + at, v128.sub<Real>(v128.load(from + at, 16), v128.and(mean, w1)), 16);
    }
  }
}

/** All bits of the lanes whose tokens some query may attend to. */
// @ts-ignore: decorator
@inline
function seenLanes(s: Primal, panel: i32, half: usize): v128 {
  return v128.gt<Real>(v128.load(s.seen + <usize>panel * ROW + half), splat(0));
}

/** offsets[channel] = what the weights make of the mean token: this member's share, by strips of channels. */
function projectMean(s: Primal): void {
  const l = s.layer;
  const wide = <usize>MR * WORD;
  const strips = (l.channels + MR - 1) / MR;
  for (let strip = shareStart(strips), end = shareEnd(strips); strip < end; strip++) {
    const a = l.project + <usize>(strip * l.dIn) * wide, to = s.offsets + <usize>strip * wide;
    for (let part: usize = 0; part < wide; part += 16) {
      if (part + 16 <= wide) v128.store(to + part, timesMean(s, a + part, false));
      else v128.store_lane<u64>(to + part, timesMean(s, a + part, true), 0);
    }
  }
}

/** A register's rows of a strip, or half of one's, times the mean token. */
// @ts-ignore: decorator
@inline
function timesMean(s: Primal, a: usize, half: bool): v128 {
  const step = <usize>MR * WORD;
  const mean = s.mean;
  let even = splat(0), odd = even;
  let k: usize = 0;
  const end = <usize>s.layer.dIn * ROW;
  for (; k + ROW < end; k += 2 * ROW) {
    const x = half ? v128.load_zero<u64>(a) : v128.load(a);
    const y = half ? v128.load_zero<u64>(a + step) : v128.load(a + step);
    even = madd(v128.load_splat<Real>(mean + k), x, even);
    odd = madd(v128.load_splat<Real>(mean + k + ROW), y, odd);
    a += 2 * step;
  }
  if (k < end) even = madd(v128.load_splat<Real>(mean + k), half ? v128.load_zero<u64>(a) : v128.load(a), even);
  return v128.add<Real>(even, odd);
}

/**
 * moves[channel]: what the channels of centred tokens lack of those that the scores and the derivatives need; and in a
 * second row what those of the tokens that were not centred lack.
 */
function chooseMoves(s: Primal): void {
  const l = s.layer;
  const keys = keyChannel(l, 0), values = valueChannel(l, 0), gate = gateChannel(l);
  const keysLack = !keysStayCentred(s), valuesLack = !valuesMayShift(l), follow = queriesFollowKeys(l);
  for (let r = shareStart(l.channels), end = shareEnd(l.channels); r < end; r++) {
    let mean = load<Real>(s.offsets + <usize>r * WORD), bias = load<Real>(l.bias + <usize>r * WORD), other: Real = 0;
    if (r < keys) {
      if (follow) {
        const key = <usize>(keyChannel(l, kvHeadOf(l, r / l.dHead)) + r % l.dHead) * WORD;
        other = -load<Real>(s.offsets + key);
        mean += other;
        bias -= load<Real>(l.bias + key);
      }
    } else if (r < values ? !keysLack : r < gate && !valuesLack) {
      mean = 0;
      bias = 0;
    }
    const to = s.moves + <usize>r * WORD;
    store<Real>(to, mean + bias);
    store<Real>(to + <usize>l.channels * WORD, other + bias);
  }
}

/** Adds to every token's channels the move that is its own: this member's share of the panels. */
function addMoves(s: Primal): void {
  const channels = s.layer.channels;
  const others = <usize>channels * WORD;
  for (let p = shareStart(s.panels), end = shareEnd(s.panels); p < end; p++) {
    const w0 = seenLanes(s, p, 0), w1 = seenLanes(s, p, 16);
    let to = s.qkv + <usize>(p * channels) * ROW;
    for (let at = s.moves; at < s.moves + others; at += WORD) {
      const move = v128.load_splat<Real>(at), other = v128.load_splat<Real>(at + others);
      v128.store(to, v128.add<Real>(v128.load(to), v128.bitselect(move, other, w0)));
      v128.store(to, v128.add<Real>(v128.load(to, 16), v128.bitselect(move, other, w1)), 16);
      to += ROW;
    }
  }
}

/** Whether keys need no more than centred tokens: nothing between the projection and the scores tells keys apart. */
function keysStayCentred(s: Primal): bool {
  return keysMayShift(s.layer) && !s.cos && !s.layer.keyNorm;
}

/** Subtracts each group's mean from its keys where they were not made from centred tokens alone. */
export function centreKeys(s: Primal): void {
  const l = s.layer;
  if (!keysMayShift(l) || keysStayCentred(s)) return;
  const panelBytes = <usize>l.channels * ROW;
  for (let kv = shareStart(l.kvHeads), end = shareEnd(l.kvHeads); kv < end; kv++) {
    for (let c = 0; c < l.dHead; c++) {
      const keys = s.qkv + <usize>(keyChannel(l, kv) + c) * ROW;
      let sum = splat(0), at = keys;
      for (let w = s.seen; w < s.seen + <usize>s.panels * ROW; w += ROW) {
        sum = madd(v128.load(at), v128.load(w), madd(v128.load(at, 16), v128.load(w, 16), sum));
        at += panelBytes;
      }
      const mean = splat(<Real>laneSum(sum));
      at = keys;
      for (let p = 0; p < s.panels; p++) {
        v128.store(at, v128.sub<Real>(v128.load(at), mean));
        v128.store(at, v128.sub<Real>(v128.load(at, 16), mean), 16);
        at += panelBytes;
      }
    }
  }
}

/** Gives a group's outputs of a head, [panel][dValue][NR], what its values have lost, where a query attends to any. */
export function restoreValues(s: Primal, group: i32, kv: i32, o: usize, panelBytes: usize): void {
  const l = s.layer;
  if (!valuesMayShift(l)) return;
  const first = <usize>valueChannel(l, kv) * WORD;
  for (let p = group * s.groupPanels; p < groupEndPanel(s, group); p++) {
    const w0 = v128.load(s.attends + <usize>p * ROW), w1 = v128.load(s.attends + <usize>p * ROW, 16);
    let at = o;
    for (let c = first; c < first + <usize>l.dValue * WORD; c += WORD) {
      const x = splat(load<Real>(s.offsets + c) + load<Real>(l.bias + c));
      v128.store(at, v128.add<Real>(v128.load(at), v128.mul<Real>(x, w0)));
      v128.store(at, v128.add<Real>(v128.load(at, 16), v128.mul<Real>(x, w1)), 16);
      at += ROW;
    }
    o += panelBytes;
  }
}

/** The largest length of a token's `count` channels from `first` on; with `keys`, of those that are attended to. */
export function largestLength(s: Primal, first: i32, count: i32, keys: bool): f64 {
  const panelBytes = <usize>s.layer.channels * ROW;
  let largest = splat(0);
  let at = s.qkv + <usize>first * ROW;
  for (let p = 0; p < s.panels; p++) {
    let sum0 = splat(0), sum1 = sum0;
    for (let row = at; row < at + <usize>count * ROW; row += ROW) {
      const x0 = v128.load(row), x1 = v128.load(row, 16);
      sum0 = madd(x0, x0, sum0);
      sum1 = madd(x1, x1, sum1);
    }
    if (keys) {
      sum0 = v128.and(sum0, seenLanes(s, p, 0));
      sum1 = v128.and(sum1, seenLanes(s, p, 16));
    }
    largest = v128.pmax<Real>(v128.pmax<Real>(largest, sum0), sum1);
    at += panelBytes;
  }
  return Math.sqrt(largestLane(largest));
}
