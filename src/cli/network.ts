// What the command tells the library of the network: the hub's address, a token and a cache, from the environment.
import type { SourceOptions } from "../models/index.js";
import { cacheFolder, DiskCache } from "./cache.js";
import type { IO } from "./io.js";

/** HF_ENDPOINT and HF_TOKEN are the names that the hub's own clients know. */
export function networkOptions({ env, stderr }: Pick<IO, "env" | "stderr">): SourceOptions {
  return {
    hub: env["HF_ENDPOINT"]?.trim() || undefined,
    token: env["HF_TOKEN"]?.trim() || undefined,
    cache: new DiskCache(cacheFolder(env), (message) => stderr.write(`howsmooth: ${message}\n`)),
  };
}
