// Models by their id on the Hugging Face hub, or on a server with its layout of URLs.

import { ModelError } from "../../../base/errors.js";
import type { Client } from "./request.js";
import type { ByteCache, DownloadEvent } from "./webSource.js";
import { WebSource } from "./webSource.js";

export const defaultHub = "https://huggingface.co";

/** A model's id, "owner/name", maybe with "@revision" behind it. */
export interface HubId {
  readonly id: string;
  readonly revision?: string;
}

/** undefined where `text` is no id of the hub. */
export function parseHubId(text: string): HubId | undefined {
  const [, id, revision] = /^([\w.-]+\/[\w.-]+)(?:@(.+))?$/.exec(text) ?? [];
  if (!id || id.split("/").some((part) => /^\.*$/.test(part))) return undefined;
  return { id, revision };
}

/**
 * The files of a model at the commit that its revision stands for now, so that all are of one commit and the source's
 * name says which.
 * @param hub without a slash at its end
 * @param revision a branch, tag or commit
 * @throws ModelError if there is no such model, or not for this token
 */
export async function openHub(
  hub: string,
  id: string,
  revision: string,
  client: Client,
  cache?: ByteCache,
  onProgress?: (event: DownloadEvent) => void,
): Promise<WebSource> {
  const at = (revision: string) =>
    new WebSource(`${hub}/${id}/resolve/${encodeURIComponent(revision)}`, client, cache, onProgress);
  const source = at(revision);
  const config = "config.json";
  if ((await source.size(config)) === undefined) throw new ModelError(`${source.name}/${config}: no such file`, config);
  const commit = await source.commit(config);
  return commit === undefined || commit === revision ? source : at(commit);
}
