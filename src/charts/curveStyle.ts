// Colours of curves, light and dark: told apart by the colour-blind (after Okabe and Ito), each 3:1 or more against
// the paper; markers and dashes say the same once more.

const light = ["#1f6fb4", "#b23a0e", "#1a7f4b", "#7b4fa3"];
const dark = ["#6cb2f2", "#ff9f68", "#5ecb8f", "#c9a4f2"];

export const curveColours = light.length;

/** A part of `chartStyle`. */
export const curveStyle =
  ".hs .curve{fill:none;stroke-width:1.75;stroke-linejoin:round}.hs .thin{stroke-width:1.1}" +
  ".hs .dashed{stroke-dasharray:5 4}.hs .mark{stroke:none}" +
  `${colours(light, "#8b949e")}@media (prefers-color-scheme:dark){${colours(dark, "#6e7a87")}}`;

function colours(palette: readonly string[], grey: string): string {
  const rules = palette.map((colour, at) => `.hs .curve.c${at}{stroke:${colour}}.hs .mark.c${at}{fill:${colour}}`);
  return `${rules.join("")}.hs .curve.cr{stroke:${grey}}`;
}
