// The checkpoint that comes with the package: models/tiny, beside dist/ and src/.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { tinyPath } from "../analysis/samples/tiny.js";
import { ModelError } from "../base/errors.js";

/** The folder of the small trained GPT-2, from dist/cli.js as well as from src/cli. */
export function tinyFolder(): string {
  const folders = ["..", "../.."].map((up) => fileURLToPath(new URL(`${up}/${tinyPath}/`, import.meta.url)));
  const found = folders.find((folder) => existsSync(`${folder}config.json`));
  if (!found) throw new ModelError(`tiny: ${folders[0]} is missing from this installation; install howsmooth again`);
  return found;
}
