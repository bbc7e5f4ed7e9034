// howsmooth/report: reports as text, in several forms. Pure strings; writing them somewhere is the caller's.
export { type Chart, renderChart } from "../charts/chart.js";
export { charts } from "../charts/index.js";
export { chartStyle } from "../charts/theme.js";
export { toComparison } from "./comparison.js";
export { toCSV } from "./csv.js";
export { toHTML } from "./html.js";
export { toJSON } from "./json.js";
export { parseReport } from "./parse.js";
export { toSVG } from "./svg.js";
export { formatHeader, formatRow, formatSummary, toTable } from "./table.js";
