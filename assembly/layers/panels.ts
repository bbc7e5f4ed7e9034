// Token matrices in panels, [panel of NR tokens][feature][NR], shared out by panels between the members of a team.
import { NR, ROW, WORD } from "../base/simd";
import { shareEnd, shareStart } from "../base/team";

// @ts-ignore: decorator
@inline
export function panelsOf(n: i32): i32 {
  return (n + NR - 1) / NR;
}

/** This member's panels of n tokens. */
// @ts-ignore: decorator
@inline
export function panelStart(n: i32): i32 {
  return shareStart(panelsOf(n));
}
// @ts-ignore: decorator
@inline
export function panelEnd(n: i32): i32 {
  return shareEnd(panelsOf(n));
}

/** Zeroes the lanes past the last token, by the member whose panel it is: they are zero in every vector. */
export function clearRest(n: i32, d: i32, x: usize): void {
  const lanes = n & (NR - 1);
  if (lanes == 0 || panelEnd(n) != panelsOf(n) || panelStart(n) == panelEnd(n)) return;
  const row = x + <usize>((n / NR) * d) * ROW;
  for (let at = row; at < row + <usize>d * ROW; at += ROW) {
    memory.fill(at + <usize>lanes * WORD, 0, <usize>(NR - lanes) * WORD);
  }
}
