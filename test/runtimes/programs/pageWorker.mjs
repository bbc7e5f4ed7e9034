// The Worker of page.mjs.
import * as howsmooth from "./node_modules/howsmooth/dist/index.js";
import { prove } from "./proof.mjs";

addEventListener("message", async ({ data: { options, dtypes } }) => {
  try {
    postMessage({ proofs: await prove(howsmooth, options, dtypes) });
  } catch (error) {
    postMessage({ error: `${error.name}: ${error.message}` });
  }
});
