// Colours and type of the charts, light and dark. Plain rules without CSS variables, which SVG viewers other than
// browsers do not know. Radius and heat are colour-blind-safe: lightness alone tells their steps apart.
import { curveStyle } from "./curveStyle.js";

interface Palette {
  paper: string;
  ink: string;
  muted: string;
  grid: string;
  axis: string;
  fit: string;
  /** Token radius from low to high, each at least 3:1 against the paper: viridis, cut at its pale end. */
  radius: string[];
  /** Sigma from low to high, with the colour of a text upon it. */
  heat: [fill: string, text: string][];
}

export const radiusSteps = 5;
export const heatSteps = 7;

const light: Palette = {
  paper: "#ffffff",
  ink: "#1c2128",
  muted: "#57606a",
  grid: "#e6e9ed",
  axis: "#8b949e",
  fit: "#b23a0e",
  radius: ["#1f9e89", "#26828e", "#31688e", "#453781", "#440154"],
  heat: [
    ["#eef4fa", "#1c2128"],
    ["#d6e5f3", "#1c2128"],
    ["#b5d0e9", "#1c2128"],
    ["#8ab6dc", "#1c2128"],
    ["#5f9acb", "#10151b"],
    ["#2a69a6", "#ffffff"],
    ["#0d4177", "#ffffff"],
  ],
};

const dark: Palette = {
  paper: "#0f141a",
  ink: "#e8ecf0",
  muted: "#9ea9b5",
  grid: "#252d37",
  axis: "#6e7a87",
  fit: "#ff9f68",
  radius: ["#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  heat: [
    ["#18222d", "#e8ecf0"],
    ["#1c3650", "#e8ecf0"],
    ["#20507c", "#ffffff"],
    ["#2c69a3", "#ffffff"],
    ["#6ba3d6", "#10151b"],
    ["#a3cbeb", "#10151b"],
    ["#dcecf9", "#10151b"],
  ],
};

/**
 * Style rules for elements inside `.hs`, to be put into a style element once a document.
 * @example
 * const page = `<style>${chartStyle}</style>${charts(report).map((chart) => renderChart(chart, { style: false }))}`;
 */
export const chartStyle = `${shape()}${colours(light)}@media (prefers-color-scheme:dark){${colours(dark)}}${curveStyle}`;

/** The colours that a page around the charts shares with them. */
export const pageColours = { light, dark };

function shape(): string {
  return (
    ".hs{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;" +
    "font-variant-numeric:tabular-nums}" +
    ".hs .figure{font-size:20px;font-weight:650}.hs .heading{font-size:15px;font-weight:650}" +
    ".hs .name{font-size:12.5px;font-weight:650}.hs .small{font-size:11px}" +
    ".hs .end{text-anchor:end}.hs .middle{text-anchor:middle}.hs .italic{font-style:italic}" +
    ".hs .grid{stroke-width:1}.hs .axis{stroke-width:1}.hs .whisker{stroke-width:1.6;stroke-linecap:round}" +
    ".hs .point{stroke-width:.75}.hs .fit{fill:none;stroke-width:1.75}.hs .band{stroke:none;fill-opacity:.15}"
  );
}

function colours({ paper, ink, muted, grid, axis, fit, radius, heat }: Palette): string {
  return [
    `.hs .paper{fill:${paper}}.hs text{fill:${ink}}.hs .muted{fill:${muted}}`,
    `.hs .grid{stroke:${grid}}.hs .axis{stroke:${axis}}.hs .none{fill:${axis};stroke:${axis}}`,
    `.hs .fit{stroke:${fit}}.hs .band{fill:${fit}}`,
    ...radius.map((colour, step) => `.hs .r${step}{fill:${colour};stroke:${colour}}`),
    `.hs .point{stroke:${paper}}`,
    ...heat.map(([fill, text], step) => `.hs .q${step}{fill:${fill}}.hs .t${step}{fill:${text}}`),
  ].join("");
}
