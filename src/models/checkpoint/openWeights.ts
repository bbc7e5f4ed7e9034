// The weights among a model's files: model.safetensors, or the shards that its index names.
import { ModelError } from "../../base/errors.js";
import type { ConfigFile } from "../architectures/config.js";
import { refusePointer } from "../files/lfs.js";
import { type FileSource, locate } from "../files/source.js";
import type { StoredWeights } from "../forward/weights.js";
import { conversion, mergeAdapter } from "./conversion.js";
import { blockOf } from "./quantization.js";
import { unwrapped } from "./renamedWeights.js";
import { SafetensorsFile } from "./safetensors.js";
import { ScaledWeights } from "./scaledWeights.js";
import { ShardedWeights } from "./shards.js";

const single = "model.safetensors";
const index = `${single}.index.json`;
const adapter = "adapter_config.json";

/**
 * Reads and checks the headers; the names of the files that were opened come along.
 * @throws ModelError for files that are missing or damaged, and with what to run where only a pickle is there, or the
 * weights of a LoRA adapter
 */
export async function openWeights(
  source: FileSource,
  config: ConfigFile,
): Promise<{ weights: StoredWeights; files: string[] }> {
  if ((await source.size(adapter)) !== undefined) throw await mergeAdapter(source, adapter);
  const { stored, files } = await openStored(source, config);
  const weights = unwrapped(stored);
  for (const name of weights.names()) {
    if (name.includes(".lora_A.")) throw await mergeAdapter(source, files[0]);
  }
  return { weights: new ScaledWeights(weights, blockOf(config)), files };
}

async function openStored(source: FileSource, config: ConfigFile): Promise<{ stored: StoredWeights; files: string[] }> {
  if ((await source.size(single)) !== undefined) {
    return { stored: await SafetensorsFile.open(source, single), files: [single] };
  }
  if ((await source.size(index)) !== undefined) {
    const stored = await ShardedWeights.open(source, index);
    return { stored, files: [index, ...stored.files] };
  }
  throw await missingWeights(source, config);
}

const notRead: readonly [RegExp, string][] = [
  [/\.onnx$/, "an ONNX graph, which is not read: give the checkpoint that it was exported from"],
  [/\.h5$/, "a TensorFlow checkpoint, which is not read: give its PyTorch form (from_pretrained(…, from_tf=True))"],
  [/\.msgpack$/, "a Flax checkpoint, which is not read: give its PyTorch form (from_pretrained(…, from_flax=True))"],
  [/\.gguf$/, "a GGUF file, which is read by itself: give its path, not its folder's"],
];

async function missingWeights(source: FileSource, config: ConfigFile): Promise<ModelError> {
  const fail = (problem: string) => new ModelError(`${locate(source, single)}: no such file; ${problem}`, single);
  const present = await source.list();
  const pickled = present
    ? present.find((file) => /\.(bin|pt|pth|ckpt)$/.test(file))
    : (await source.size("pytorch_model.bin")) !== undefined && "pytorch_model.bin";
  if (pickled) {
    await refusePointer(source, pickled, (await source.size(pickled)) ?? 0);
    return fail(`${pickled} is a pickle, which is not read. To convert it: ${conversion(source, config)}`);
  }
  for (const [pattern, what] of notRead) {
    const found = present?.find((file) => pattern.test(file));
    if (found) return fail(`${found} is ${what}`);
  }
  if ((await source.size("onnx/model.onnx")) !== undefined) return fail(`onnx/model.onnx is ${notRead[0][1]}`);
  return fail(present ? `found: ${present.slice(0, 10).join(", ")}` : `nor is there ${index}`);
}
