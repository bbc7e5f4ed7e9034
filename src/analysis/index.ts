// howsmooth/analysis: sweeps over layers, lengths and samples, and what they add up to.

export { type Companions, companions, type HeadCompanions } from "../jacobian/companions.js";
export { boundsOfModel } from "./boundsOfModel.js";
export type { LayerSource } from "./cells.js";
export { type ComparedRow, type Comparison, compareReports } from "./compare.js";
export { fitOf, fitPowerLaw, type PowerLaw } from "./fit.js";
export { type Growth, judgeReport, type Limits, rowsAbove, rowsGrown } from "./gate.js";
export { type Measured, measureLayer } from "./measured.js";
export type { Measure } from "./measureRow.js";
export {
  assembleReport,
  type FailedRow,
  type LayerFit,
  type MeasuredRow,
  type Part,
  type PartName,
  type Provenance,
  type Report,
  type Row,
} from "./report.js";
export type { Settings } from "./settings.js";
export { type SweepEvent, type SweepOptions, sweep } from "./sweep.js";
export type { Breach, Verdict } from "./verdict.js";
