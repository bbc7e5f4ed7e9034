// A GGUF file as a model: its architecture, tokenizer and formats.
import { ModelError } from "../../base/errors.js";
import type { Architecture } from "../architectures/architecture.js";
import type { ModelSource } from "../files/openSource.js";
import { BlobSource, type FileSource, locate } from "../files/source.js";
import { ggufTokenizer, type TokenizerOrReason } from "../tokenizer.js";
import { ggufArchitecture } from "./architecture.js";
import { formats } from "./dequantise.js";
import { type GgufHeader, readGguf } from "./header.js";

/** A path or URL of a GGUF file as that of its folder, and its name; undefined for anything else. */
export function ggufIn(source: ModelSource): { folder: string; file: string } | undefined {
  const text = typeof source === "string" ? source : (source as { href?: unknown } | null)?.href;
  if (typeof text !== "string" || !/\.gguf$/i.test(text)) return undefined;
  const slash = Math.max(text.lastIndexOf("/"), text.lastIndexOf("\\"));
  return { folder: slash < 0 ? "." : slash === 0 ? "/" : text.slice(0, slash), file: text.slice(slash + 1) };
}

/** The one GGUF file among files given by name; undefined where there is a config.json, or none or several. */
export async function ggufAmong(source: FileSource): Promise<string | undefined> {
  if (!(source instanceof BlobSource) || (await source.size("config.json")) !== undefined) return undefined;
  const found = (await source.list()).filter((file) => /\.gguf$/i.test(file));
  return found.length === 1 ? found[0] : undefined;
}

/** @throws ModelError for a file that is damaged, or of an architecture or a format that isn't read */
export async function openGguf(
  source: FileSource,
  file: string,
): Promise<{ architecture: Architecture; text: TokenizerOrReason; formats: string }> {
  const header = await readGguf(source, file);
  const architecture = ggufArchitecture(source, file, header);
  const text = await ggufTokenizer(header.metadata, locate(source, file), file);
  return { architecture, text, formats: formatsOf(header, file) };
}

/** The formats of the weights, the most frequent first: "Q4_K, Q6_K". */
function formatsOf({ entries }: GgufHeader, file: string): string {
  const counts = new Map<string, number>();
  for (const { type, shape } of entries.values()) {
    if (shape.length < 2) continue;
    const name = formats.get(type)?.name ?? `type ${type}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (counts.size === 0) throw new ModelError(`${file}: no weights`, file);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name]) => name)
    .join(", ");
}
