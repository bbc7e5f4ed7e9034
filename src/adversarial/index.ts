// Inputs at which attention is as unsmooth as can be found (docs/theory.md, 2.3 and 6).
import { ascend } from "./ascend.js";
import { twoPoint } from "./twoPoint.js";

export type { AscendOptions, AscendProgress, Ascent, AscentState } from "./ascend.js";
export type { ClimbState } from "./climb.js";
export type { TokenSetQuestion } from "./tokenSet.js";
export type { TwoPoint, TwoPointQuestion } from "./twoPoint.js";

/** Inputs at which attention is as unsmooth as can be found (docs/theory.md, 2.3 and 6). */
export const adversarial = { twoPoint, ascend };
