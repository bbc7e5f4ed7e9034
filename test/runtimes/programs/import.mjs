// Node, Deno, Bun: the package by its names.
import * as howsmooth from "howsmooth";
import { fitPowerLaw } from "howsmooth/analysis";
import { randomModel } from "howsmooth/models";
import { toTable } from "howsmooth/report";
import { prove } from "./proof.mjs";

for (const name of [fitPowerLaw, randomModel, toTable]) if (typeof name !== "function") throw new Error("a sub-path");
console.log(JSON.stringify(await prove(howsmooth)));
