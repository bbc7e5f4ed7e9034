// Who takes part: which process, and what it can be asked.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Contestant } from "./contestant.mjs";

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const node24 = here("node_modules/.bin/node");

const [major] = process.versions.node.split(".");
const ours = { name: "howsmooth", command: node24, file: "howsmooth.mjs", application: ["application"], sigma: true };

/** `application` lists the methods of one JᵀJ application, the first of them the paper's where sigma is asked for. */
const candidates = [
  ours,
  ...(major === "24" ? [] : [{ ...ours, name: `howsmooth (Node ${major})`, command: process.execPath }]),
  {
    name: "PyTorch",
    command: findTorch(),
    file: "torch_contestant.py",
    application: ["automatic", "formulas"],
    sigma: true,
    missing: "python3-torch is not installed (npm run bench:setup does it where it can)",
  },
  {
    name: "jax-js",
    command: node24,
    file: "jaxjs.mjs",
    application: ["automatic", "linearized", "jitted"],
    sigma: true,
  },
  { name: "tfjs-wasm", command: node24, file: "tfjs.mjs", application: ["automatic"] },
  { name: "onnxruntime-web", command: node24, file: "onnxruntime.mjs", application: [] },
];

/** Starts them all, installing their packages first if need be; `absent` says who isn't there, and why. */
export async function startField() {
  if (!existsSync(node24)) execFileSync("npm", ["ci", "--prefix", here(".")], { stdio: ["ignore", 2, 2] });
  const present = [];
  const absent = [];
  for (const { name, command, file, missing, ...can } of candidates) {
    if (!command) absent.push(`${name}: ${missing}`);
    else present.push({ ...can, contestant: await Contestant.start(name, command, [here(file)]) });
  }
  return { present, absent };
}

/** Debian's packages belong to its own interpreter, which need not be the first in the path. */
function findTorch() {
  return ["/usr/bin/python3", "python3"].find((python) => {
    try {
      execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}
