// One GET of a byte range (RFC 9110, section 14): redirects, the token, what a status means, and whether the answer
// is the one asked for.
import { ModelError } from "../../../base/errors.js";
import type { AbortSignalLike } from "../../../base/platform.js";
import { Connection } from "./connection.js";
import { type ParsedURL, parseURL, platform, type ResponseLike } from "./platform.js";
import { type HubFacts, RangeAnswer } from "./rangeAnswer.js";
import { Fault, type Patience } from "./retry.js";

export interface Client {
  readonly patience: Patience;
  /** Sent to this origin, and to no other. */
  readonly token?: { readonly value: string; readonly origin: string };
  readonly signal?: AbortSignalLike;
}

const mostRedirects = 10;

/**
 * Asks for the bytes [start, end) of `url`. A server that ignores ranges answers with the whole body, from 0 on.
 * @returns undefined if there is no such file
 * @throws Fault where another attempt may help, ModelError where it can't
 */
export async function requestRange(
  url: string,
  start: number,
  end: number,
  client: Client,
): Promise<RangeAnswer | undefined> {
  const connection = new Connection(client.patience.stallTimeout, client.signal);
  try {
    const { response, hubFacts } = await follow(url, start, end, client, connection);
    const { status } = response;
    if (status === 200 || status === 206 || (status === 416 && start === 0)) {
      return new RangeAnswer(url, { start, end }, response, hubFacts, connection);
    }
    connection.close();
    if ((status === 404 || status === 410) && !isAboutModel(response)) return undefined;
    throw refusal(response, url, client);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Redirects are followed by hand, so that the token surely stays with its origin, and to see the hub's own headers. */
async function follow(url: string, start: number, end: number, client: Client, connection: Connection) {
  const hubFacts: HubFacts = {};
  let target = parseURL(url)!;
  let trusted = true;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    trusted &&= target.origin === client.token?.origin;
    // Encoded answers have lengths and offsets of their own.
    const headers: Record<string, string> = { range: `bytes=${start}-${end - 1}`, "accept-encoding": "identity" };
    if (trusted && client.token) headers["authorization"] = `Bearer ${client.token.value}`;
    const ask = (redirect: "manual" | "follow") =>
      connection.step(platform.fetch(target.href, { headers, redirect, signal: connection.signal }));
    let response = await ask("manual");
    // Browsers let nobody look at a redirect; there the fetch standard takes the token away at another origin.
    if (response.type === "opaqueredirect") response = await ask("follow");
    hubFacts.linkedTag ??= response.headers.get("x-linked-etag") ?? undefined;
    hubFacts.commit ??= response.headers.get("x-repo-commit") ?? undefined;
    if (![301, 302, 303, 307, 308].includes(response.status)) return { response, hubFacts };
    await response.body?.cancel().catch(() => undefined);
    target = redirected(response, url, target);
  }
  throw new ModelError(`${url}: redirected more than ${mostRedirects} times`, url);
}

function redirected(response: ResponseLike, url: string, from: ParsedURL): ParsedURL {
  const location = response.headers.get("location");
  const target = location === null ? undefined : parseURL(location, from.href);
  const safe = target && (target.protocol === "https:" || (target.protocol === "http:" && from.protocol === "http:"));
  if (!safe) throw new ModelError(`${url}: redirected to ${location ?? "nowhere"}, which is not followed`, url);
  return target;
}

/** The hub's 404 for a model or revision that doesn't exist, as opposed to a file. */
function isAboutModel({ headers }: ResponseLike): boolean {
  return ["RepoNotFound", "RevisionNotFound"].includes(headers.get("x-error-code") ?? "");
}

function refusal(response: ResponseLike, url: string, client: Client): ModelError | Fault {
  const { status, headers } = response;
  const explanation = headers.get("x-error-message")?.slice(0, 200);
  const because = explanation ? `${status}: ${explanation}` : `${status}`;
  if (status === 408 || status === 429 || status >= 500) {
    const what = status === 429 ? "too many requests" : "the server failed";
    return new Fault(`${what} (${because})`, waitOf(headers.get("retry-after")));
  }
  if (status === 401 || status === 403) return new ModelError(`${url}: access refused (${because}); ${advice()}`, url);
  if (status === 404) return new ModelError(`${url}: no such model or revision (${because})`, url);
  if (status === 416) return new ModelError(`${url}: shorter than it was (${because}); start again`, url);
  return new ModelError(`${url}: the server answered ${because}`, url);

  function advice(): string {
    if (!client.token) {
      return (
        "it is private or gated, or does not exist. Pass a token that may read it " +
        "(option token; the command takes it from HF_TOKEN)"
      );
    }
    if (client.token.origin !== parseURL(url)!.origin)
      return `the token is for ${client.token.origin} and was not sent`;
    return "the token given may not read it. Check the token and, for a gated model, accept its terms on its page";
  }
}

/** Retry-After: seconds, or a date. */
function waitOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0);
}
