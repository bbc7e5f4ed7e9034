// Node: require() of the ES module.
const howsmooth = require("howsmooth");
const { fitPowerLaw } = require("howsmooth/analysis");
const { randomModel } = require("howsmooth/models");
const { toTable } = require("howsmooth/report");

for (const name of [fitPowerLaw, randomModel, toTable]) if (typeof name !== "function") throw new Error("a sub-path");
import("./proof.mjs").then(async ({ prove }) => console.log(JSON.stringify(await prove(howsmooth))));
