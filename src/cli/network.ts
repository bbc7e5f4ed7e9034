// What the command tells the library of the network: the hub's address, a token and a cache, from the environment.
import type { SourceOptions } from "../models/index.js";
import { cacheFolder, DiskCache } from "./cache.js";
import type { IO } from "./io.js";

/** HF_ENDPOINT and HF_TOKEN are the names that the hub's own clients know. Wrong values, maybe secret, are not shown. */
export function networkOptions({ env, stderr }: Pick<IO, "env" | "stderr">): SourceOptions {
  const hub = env["HF_ENDPOINT"]?.trim() || undefined;
  const token = env["HF_TOKEN"]?.trim() || undefined;
  if (hub !== undefined && !/^https?:\/\/[^\s@?#]+$/.test(hub)) {
    throw new Error("HF_ENDPOINT: expected the address of a hub, as in https://huggingface.co; correct or unset it");
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new Error("HF_TOKEN: expected a token, without spaces; correct or unset it");
  }
  return {
    hub,
    token,
    cache: new DiskCache(cacheFolder(env), (message) => stderr.write(`howsmooth: ${message}\n`)),
  };
}
