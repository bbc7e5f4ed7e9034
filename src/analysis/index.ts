// howsmooth/analysis: sweeps over layers, lengths and samples, and what they add up to.
export { fitNeeds, fitPowerLaw, type PowerLaw } from "./fit.js";
export { rowsAbove } from "./gate.js";
export {
  assembleReport,
  type FailedRow,
  type LayerFit,
  type MeasuredRow,
  type Provenance,
  type Report,
  type Row,
} from "./report.js";
export { type Measure, type SweepEvent, type SweepOptions, sweep } from "./sweep.js";
