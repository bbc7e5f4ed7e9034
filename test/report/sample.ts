// A small report with every kind of row.
import {
  assembleReport,
  type FailedRow,
  type MeasuredRow,
  type Provenance,
  type Report,
} from "../../src/analysis/report.js";
import { runtimeInfo } from "../analysis/fakes.js";

const provenance: Provenance = {
  howsmooth: "0.1.0",
  model: {
    source: "random:gpt2",
    architecture: "gpt2",
    layers: 12,
    width: 768,
    heads: 12,
    kvHeads: 12,
    vocabulary: 50257,
    context: 1024,
  },
  runtime: runtimeInfo,
  input: { kind: "text", sha256: "00".repeat(32), tokens: 20, wrapped: "the text has 20 tokens: taken modulo" },
  options: {
    of: ["attention"],
    layers: [0, 6],
    heads: false,
    lengths: [2, 4, 6, 8],
    samples: 1,
    windows: "spread",
    seed: 0,
    rtol: null,
    bracket: 0.1,
    bos: false,
    specialTokens: false,
    words: false,
  },
};

export function measured(layer: number, n: number, sigma: number): MeasuredRow {
  return {
    layer,
    part: "attention",
    head: null,
    n,
    sample: 0,
    start: 0,
    key: `${layer}-${n}-${sigma}`,
    radius: 27.7128,
    seed: 123,
    sigma,
    accuracy: 0.01,
    lower: sigma * 0.9999,
    upper: sigma * 1.04,
    relative: 1.5,
    failureProbability: 1e-6,
    certified: true,
    status: "converged",
    steps: 12,
    applications: 24,
  };
}

export const failed: FailedRow = {
  layer: 6,
  part: "attention",
  head: null,
  n: 8,
  sample: 0,
  start: 0,
  key: null,
  radius: null,
  seed: 9,
  sigma: null,
  accuracy: null,
  lower: null,
  upper: null,
  relative: null,
  failureProbability: null,
  certified: null,
  status: "failed",
  steps: null,
  applications: null,
  error: 'out of memory: "scores", needs 10 bytes\nand more',
};

export const sample: Report = assembleReport(
  provenance,
  [
    measured(0, 2, 0.5),
    measured(0, 4, 0.7),
    measured(0, 6, 0.82),
    measured(0, 8, 0.99),
    measured(6, 2, 123456.7),
    failed,
  ],
  false,
);
