// From what a user names a model by, a folder, files, a URL or an id of the hub, to its files.
import { checkInteger, checkKeys, checkNumber, wrongKind, wrongValue } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import type { AbortSignalLike, BlobLike, FileLike, URLLike } from "../../base/platform.js";
import { hasFolders, openFolder } from "./folder.js";
import { BlobSource, type FileMap, type FileSource } from "./source.js";
import { defaultHub, type HubId, openHub, parseHubId } from "./web/hub.js";
import { type ParsedURL, parseURL } from "./web/platform.js";
import type { Client } from "./web/request.js";
import { type ByteCache, type DownloadEvent, WebSource } from "./web/webSource.js";

/** Where a model comes from: a folder, a URL, a hub id, or files. */
export type ModelSource = string | URLLike | readonly FileLike[] | FileMap;

/** How long a server is waited for, and how often it is asked again. */
export interface NetworkOptions {
  /** Milliseconds without a byte after which a connection counts as stalled, and is made anew; default 30 000. */
  stallTimeout?: number;
  /** Further attempts after one that failed, stalled, or met a 429 or 5xx; default 4. */
  retries?: number;
  /** Milliseconds before the first of them, doubled each time; default 500. Retry-After goes before it. */
  backoff?: number;
}

/** For sources on the network; of a folder and of files none but `revision` is looked at, which they refuse. */
export interface SourceOptions {
  /** Of a model of the hub: a branch, tag or commit; default "main". "owner/name@revision" says the same. */
  revision?: string;
  /** The hub, or a server with its layout of URLs; default https://huggingface.co. */
  hub?: string;
  /** Sent to the hub's origin as a bearer token, and never to another. */
  token?: string;
  /** Keeps what was fetched. */
  cache?: ByteCache;
  network?: NetworkOptions;
}

/** @throws ModelError if there is no such source, TypeError or RangeError for what can't be one */
export async function openSource(
  source: ModelSource,
  options: SourceOptions,
  signal?: AbortSignalLike,
  onProgress?: (event: DownloadEvent) => void,
): Promise<FileSource> {
  const { revision, cache } = options;
  const hub = hubAddress(options.hub ?? defaultHub);
  const client = { ...clientOf(options, hub), signal };
  if (revision !== undefined && typeof revision !== "string") throw wrongKind("revision", "a string", revision);
  if (revision === "") throw wrongValue("revision", "a branch, tag or commit", revision);

  const named = typeof source === "string" ? await resolvePath(source) : await resolveObject(source);
  if ("id" in named) {
    if (revision !== undefined && named.revision !== undefined && revision !== named.revision) {
      throw wrongValue("revision", `"${named.revision}" as in "${source}", or none`, revision);
    }
    const address = hub.href.replace(/\/+$/, "");
    return openHub(address, named.id, revision ?? named.revision ?? "main", client, cache, onProgress).catch(
      (error) => {
        if (!(error instanceof ModelError)) throw error;
        throw new ModelError(
          `${source}: no such folder, and no model of the hub to be had: ${error.message}`,
          error.file,
        );
      },
    );
  }
  if (revision !== undefined) throw wrongValue("revision", "none: only models of the hub have revisions", revision);
  if (!("url" in named)) return named;
  return new WebSource(named.url.href.replace(/\/+$/, ""), client, cache, onProgress);
}

/** A string is a URL, or a folder if it exists or looks like a path, else the id of a model on the hub. */
async function resolvePath(path: string): Promise<FileSource | HubId | { url: ParsedURL }> {
  if (path === "") throw wrongValue("source", "a folder's path, a URL or the id of a model on the hub", path);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return resolveURL(path);
  const looksLikePath = /^(\.{0,2}[/\\]|\.{1,2}$|[a-z]:[/\\])/i.test(path);
  const hubId = looksLikePath ? undefined : parseHubId(path);
  const folders = await hasFolders();
  const folder = folders ? await openFolder(path) : undefined;
  if (folder) return folder;
  if (hubId) return hubId;
  if (!folders)
    throw new ModelError(`${path}: folders can be read in Node, Deno and Bun; here, pass the files themselves`);
  const hint = looksLikePath
    ? ""
    : "; give a folder with config.json, owner/name for a model of the hub, or, on the command line, random:gpt2 or tiny";
  throw new ModelError(`${path}: no such folder${hint}`, path);
}

async function resolveObject(source: Exclude<ModelSource, string>): Promise<FileSource | { url: ParsedURL }> {
  const expected =
    "a folder's path, a URL, the id of a model on the hub, an array of files with names, or files by name";
  if (source === null || typeof source !== "object") throw wrongKind("source", expected, source);
  if ("href" in source && typeof source.href === "string") return resolveURL(source.href);
  const named: [string, unknown][] = Array.isArray(source)
    ? source.map((file: FileLike) => [file?.name, file])
    : [...(source instanceof Map ? source.entries() : Object.entries(source))];
  for (const [name, file] of named) {
    if (typeof name !== "string") {
      throw wrongKind("source", "files with names (a Blob has none: pass { name: blob })", file);
    }
    if (typeof (file as BlobLike)?.slice !== "function") throw wrongKind(`source["${name}"]`, "a File or Blob", file);
  }
  return new BlobSource(source as readonly FileLike[] | FileMap);
}

async function resolveURL(text: string): Promise<FileSource | { url: ParsedURL }> {
  const url = parseURL(text);
  if (url?.protocol === "file:") {
    const path = decodeURIComponent(url.pathname).replace(/^\/(?=[a-z]:)/i, "");
    const folder = await openFolder(path);
    if (!folder) throw new ModelError(`${path}: no such folder`, path);
    return folder;
  }
  if (!isPlainAddress(url)) throw plainAddressExpected("source");
  return { url };
}

function hubAddress(hub: unknown): ParsedURL {
  if (typeof hub !== "string") throw wrongKind("hub", "a URL, as a string", hub);
  const url = parseURL(hub);
  if (!isPlainAddress(url)) throw plainAddressExpected("hub");
  return url;
}

function isPlainAddress(url: ParsedURL | undefined): url is ParsedURL {
  return !!url && /^https?:$/.test(url.protocol) && !(url.username || url.password || url.search || url.hash);
}

/** Says nothing of the value, which may hold a password. */
function plainAddressExpected(label: string): RangeError {
  return new RangeError(`"${label}": expected an http(s) URL without user name, password, query and fragment`);
}

function clientOf({ token, network = {}, cache }: SourceOptions, hub: ParsedURL): Client {
  checkKeys("network", network, ["stallTimeout", "retries", "backoff"]);
  const { stallTimeout = 30_000, retries = 4, backoff = 500 } = network;
  checkNumber("network.stallTimeout", stallTimeout, 0, 2 ** 31);
  checkInteger("network.retries", retries, 0);
  checkNumber("network.backoff", backoff, 0, 2 ** 31, true);
  if (cache !== undefined && (typeof cache?.read !== "function" || typeof cache.write !== "function")) {
    throw wrongKind("cache", "{ read, write }", cache);
  }
  const patience = { stallTimeout, retries, backoff };
  if (token === undefined) return { patience };
  // The messages keep the token to themselves.
  if (typeof token !== "string") throw new TypeError('"token": expected a string');
  if (!/^[\x21-\x7e]+$/.test(token)) throw new RangeError('"token": expected printable characters without spaces');
  return { patience, token: { value: token, origin: hub.origin } };
}
