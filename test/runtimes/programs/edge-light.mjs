// The build that Vercel's edge takes by the condition edge-light, in a Worker.
import * as howsmooth from "./node_modules/howsmooth/dist/edge-light/index.js";
import { prove } from "./proof.mjs";

export default {
  async fetch() {
    return Response.json(await prove(howsmooth));
  },
};
