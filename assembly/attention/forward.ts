// Self-attention at one input: everything that the derivatives reuse, and the output.
import { ROW } from "../base/simd";
import { barrier, shareEnd, shareStart } from "../base/team";
import { shapeChannels } from "./between";
import { centreKeys, largestLength, projectCentred, restoreValues } from "./centre";
import { addBiasToTokens, applyOutput } from "./channels";
import { gateOutputs } from "./gate";
import { endHead, firstHead, keyChannel, kvHeadOf, queryChannel } from "./layer";
import { keyStripsOf, makeKeyStrips, makeValueStrips, packValues, valueStripsOf } from "./operands";
import { Primal } from "./primal";
import { makeProbabilities, storedProbabilities } from "./probabilities";
import { sharpness } from "./score";
import { addOverKeys, clearGroup } from "./tiles";

/** Everything that the derivatives reuse, and the output, in panels, at y (MATH 1). */
export function attend(s: Primal, y: usize): void {
  const l = s.layer;
  const width = l.heads * l.dValue, oPanel = <usize>width * ROW;
  projectCentred(s);
  shapeChannels(s);
  barrier();
  centreKeys(s);

  if (!s.streamed) {
    for (let kv = shareStart(l.kvHeads), end = shareEnd(l.kvHeads); kv < end; kv++) {
      makeKeyStrips(s, kv, keyStripsOf(s, kv));
      makeValueStrips(s, kv, valueStripsOf(s, kv));
    }
  }

  s.maxScore = 0;
  s.maxRowScore = 0;
  s.sharpness = 0;
  for (let h = firstHead(l), end = endHead(l); h < end; h++) {
    const kv = kvHeadOf(l, h);
    if (h == 0 || kv != kvHeadOf(l, h - 1)) packValues(s, kv);
    for (let g = 0; g < s.groups; g++) {
      makeProbabilities(s, h, g);
      const p0 = g * s.groupPanels;
      const p = storedProbabilities(s, h, g);
      const o = s.o + <usize>(p0 * width + h * l.dValue) * ROW;
      clearGroup(s, g, o, l.dValue, oPanel);
      addOverKeys(s, g, l.dValue, s.valueChannels, p, o, oPanel);
      restoreValues(s, g, kv, o, oPanel);
    }
    const queries = largestLength(s, queryChannel(l, h), l.dHead, false);
    const keys = largestLength(s, keyChannel(l, kv), l.dHead, true);
    s.sharpness = max(s.sharpness, sharpness(l, s.maxRowScore, queries, keys));
  }
  barrier();
  if (l.gateWidth) gateOutputs(s, s.o, s.dO);
  applyOutput(s, l.gateWidth ? s.dO : s.o, y);
  if (l.outputBias) addBiasToTokens(s, l.dOut, y, l.outputBias);
}
