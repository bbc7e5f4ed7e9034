// Queries, keys and values as the products over keys and over queries read them.
import { MR, WORD } from "../base/simd";
import { channelPanels, channelStrips, tokenStrips } from "../matrix/packing";
import { keyChannel, queryChannel, valueChannel } from "./layer";
import { Primal } from "./primal";
import { completeQueryRows, keyColumns, tangentRows } from "./score";

export function keyStripsOf(s: Primal, kv: i32): usize {
  if (s.streamed) {
    if (load<i32>(s.held) != kv + 1) makeKeyStrips(s, kv, s.keyStrips);
    store<i32>(s.held, kv + 1);
    return s.keyStrips;
  }
  return s.keyStrips + <usize>(kv * s.strips * MR * tangentRows(s.layer)) * WORD;
}

export function valueStripsOf(s: Primal, kv: i32): usize {
  if (s.streamed) {
    if (load<i32>(s.held, 4) != kv + 1) makeValueStrips(s, kv, s.valueStrips);
    store<i32>(s.held, kv + 1, 4);
    return s.valueStrips;
  }
  return s.valueStrips + <usize>(kv * s.strips * MR * s.layer.dValue) * WORD;
}

export function makeKeyStrips(s: Primal, kv: i32, to: usize): void {
  const l = s.layer;
  tokenStrips(s.n, s.qkv, l.channels, keyChannel(l, kv), l.dHead, to, tangentRows(l));
}

export function makeValueStrips(s: Primal, kv: i32, to: usize): void {
  const l = s.layer;
  tokenStrips(s.n, s.qkv, l.channels, valueChannel(l, kv), l.dValue, to, l.dValue);
}

/** One head's keys, values and queries as the products over keys and over queries read them, in work space. */
export function packKeys(s: Primal, kv: i32): void {
  const l = s.layer;
  channelStrips(s.n, s.qkv, l.channels, keyChannel(l, kv), l.dHead, s.keyChannels);
}

export function packValues(s: Primal, kv: i32): void {
  const l = s.layer;
  channelStrips(s.n, s.qkv, l.channels, valueChannel(l, kv), l.dValue, s.valueChannels);
}

export function packQueries(s: Primal, head: i32): void {
  const l = s.layer;
  channelPanels(s.n, s.qkv, l.channels, queryChannel(l, head), l.dHead, s.queryRows, keyColumns(l));
  completeQueryRows(s, s.queryRows, false);
}
