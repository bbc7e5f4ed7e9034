// From nothing to the first sigma: ours.
import { createRuntime, localLipschitz } from "../../../dist/index.js";
import { spec, x } from "./problem.mjs";

const runtime = await createRuntime();
const { sigma } = await localLipschitz(runtime.attention(spec), x);
console.log(sigma);
