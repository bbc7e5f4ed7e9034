// The weights among a model's files: model.safetensors, or the shards that its index names.
import { ModelError } from "../../base/errors.js";
import { type FileSource, locate } from "../files/source.js";
import type { WeightSource } from "../forward/weights.js";
import { SafetensorsFile } from "./safetensors.js";
import { ShardedWeights } from "./shards.js";

const single = "model.safetensors";
const index = `${single}.index.json`;

/**
 * Reads and checks the headers; the names of the files that were opened come along.
 * @throws ModelError for files that are missing or damaged, and with the conversion to run where only a pickle is there
 */
export async function openWeights(source: FileSource): Promise<{ weights: WeightSource; files: string[] }> {
  if ((await source.size(single)) !== undefined) {
    return { weights: await SafetensorsFile.open(source, single), files: [single] };
  }
  if ((await source.size(index)) !== undefined) {
    const weights = await ShardedWeights.open(source, index);
    return { weights, files: [index, ...weights.files] };
  }
  throw await missingWeights(source);
}

async function missingWeights(source: FileSource): Promise<ModelError> {
  const fail = (problem: string) => new ModelError(`${locate(source, single)}: no such file; ${problem}`, single);
  const present = await source.list();
  const pickled = present
    ? present.find((file) => /\.(bin|pt|pth|ckpt)$/.test(file))
    : (await source.size("pytorch_model.bin")) !== undefined && "pytorch_model.bin";
  if (pickled) return fail(`${pickled} is a pickle, which is not read. To convert it: ${conversion(source)}`);
  return fail(present ? `found: ${present.slice(0, 10).join(", ")}` : `nor is there ${index}`);
}

/** The command that writes model.safetensors beside what is there. */
function conversion({ name }: FileSource): string {
  const folder = /[ ':]/.test(name) ? "FOLDER" : name;
  return (
    `python3 -c "from transformers import AutoModelForCausalLM as M; ` +
    `M.from_pretrained('${folder}').save_pretrained('${folder}', safe_serialization=True)"`
  );
}
