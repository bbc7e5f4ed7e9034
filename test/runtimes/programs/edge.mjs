// A Worker that proves what it can.
import * as howsmooth from "howsmooth";
import { prove } from "./proof.mjs";

export default {
  async fetch() {
    return Response.json(await prove(howsmooth));
  },
};
