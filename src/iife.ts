// The whole library under one global name, for a page that is opened from disk, where module scripts are refused.
export * as analysis from "./analysis/index.js";
export * from "./index.js";
export * as models from "./models/index.js";
export * as report from "./report/index.js";
