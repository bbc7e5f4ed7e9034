// What a bundler is given: an application that uses every sub-path by its name, without the optional tokenizers.
import { createRuntime, localLipschitz } from "howsmooth";
import { fitPowerLaw } from "howsmooth/analysis";
import { randomModel } from "howsmooth/models";
import { toTable } from "howsmooth/report";
import { prove } from "./proof.mjs";

async function measure() {
  for (const name of [fitPowerLaw, randomModel, toTable]) if (typeof name !== "function") throw new Error("a sub-path");
  return prove({ createRuntime, localLipschitz });
}

measure().then(
  (proofs) => {
    document.title = JSON.stringify({ proofs });
  },
  (error) => {
    document.title = JSON.stringify({ error: `${error.name}: ${error.message}` });
  },
);
