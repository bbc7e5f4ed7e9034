// The charts of a report.
import type { Report } from "../analysis/report.js";
import type { Chart } from "./chart.js";
import { depthChart } from "./depth.js";
import { growthChart } from "./growth.js";
import { headsChart, layersCharts } from "./summaries.js";

/**
 * Those that its rows allow: from layer to layer, growth with n, layers × lengths, and layers × heads where heads were measured.
 * @example
 * const titles = charts(report).map(({ title }) => title);
 */
export function charts(report: Report): Chart[] {
  return [depthChart(report), growthChart(report), ...layersCharts(report), headsChart(report)].filter(
    (chart) => chart !== null,
  );
}
