// howsmooth/report: reports as text, in several forms. Pure strings; writing them somewhere is the caller's.
export { toCSV } from "./csv.js";
export { toJSON } from "./json.js";
export { parseReport } from "./parse.js";
export { formatHeader, formatRow, formatSummary, toTable } from "./table.js";
