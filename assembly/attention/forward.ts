// Self-attention at one input: everything that the derivatives reuse, and the output.
import { ROW } from "../base/simd";
import { barrier, shareEnd, shareStart } from "../base/team";
import { addBiasToTokens, applyOutput, multiplyTokens, rotate } from "./channels";
import { endHead, firstHead, kvHeadOf } from "./layer";
import { keyStripsOf, makeKeyStrips, makeValueStrips, packValues, valueStripsOf } from "./operands";
import { Primal } from "./primal";
import { makeProbabilities, storedProbabilities } from "./probabilities";
import { centreScores } from "./score";
import { addOverKeys, clearGroup } from "./tiles";

/** Everything that the derivatives reuse, and the output, in panels, at y (MATH 1). */
export function attend(s: Primal, y: usize): void {
  const l = s.layer;
  const channels = l.channels, width = l.heads * l.dValue;
  multiplyTokens(s, channels, l.dIn, l.project, s.x, s.qkv);
  addBiasToTokens(s, channels, s.qkv, l.bias);
  if (s.cos) rotate(s, s.qkv, 0, l.heads + l.kvHeads, false);
  barrier();
  centreScores(s);

  if (!s.streamed) {
    for (let kv = shareStart(l.kvHeads), end = shareEnd(l.kvHeads); kv < end; kv++) {
      makeKeyStrips(s, kv, keyStripsOf(s, kv));
      makeValueStrips(s, kv, valueStripsOf(s, kv));
    }
  }

  let maxScore: f64 = 0;
  for (let h = firstHead(l), end = endHead(l); h < end; h++) {
    const kv = kvHeadOf(l, h);
    if (h == 0 || kv != kvHeadOf(l, h - 1)) packValues(s, kv);
    for (let g = 0; g < s.groups; g++) {
      maxScore = max(maxScore, makeProbabilities(s, h, g));
      const p0 = g * s.groupPanels;
      const p = storedProbabilities(s, h, g);
      const o = s.o + <usize>(p0 * width + h * l.dValue) * ROW;
      clearGroup(s, g, o, l.dValue, <usize>width * ROW);
      addOverKeys(s, g, l.dValue, s.valueChannels, p, o, <usize>width * ROW);
    }
  }
  s.maxScore = maxScore;
  barrier();
  applyOutput(s, s.o, y);
  if (l.outputBias) addBiasToTokens(s, l.dOut, y, l.outputBias);
}
