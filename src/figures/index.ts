// The figures that can be reproduced, by name.
import type { Runtime } from "../measure/createRuntime.js";
import { boundGap } from "./boundGap.js";
import { castinAdversarial } from "./castinAdversarial.js";
import { castinRandom } from "./castinRandom.js";
import type { Figure, FigureSettings } from "./figure.js";
import { kimInverse } from "./kimInverse.js";
import { kimTightness } from "./kimTightness.js";

export { castinText } from "./castinText.js";
export { type Figure, type FigureSettings, figureJSON } from "./figure.js";
export { figureMarkdown } from "./markdown.js";

/** Those that need no model. */
export const figures: Record<string, (runtime: Runtime, settings: FigureSettings) => Promise<Figure>> = {
  "castin-random": castinRandom,
  "castin-adversarial": castinAdversarial,
  "kim-tightness": kimTightness,
  "kim-inverse": kimInverse,
  "bound-gap": boundGap,
};

/** castin-text, too. */
export const figureNames = ["castin-text", ...Object.keys(figures)].sort();
export { figureSVG } from "./svg.js";
