// The commands that make files which can be read from files which can't.
import { ModelError } from "../../base/errors.js";
import { families } from "../architectures/architectures.js";
import type { ConfigFile } from "../architectures/config.js";
import { type FileSource, locate } from "../files/source.js";

/** transformers' classes by the ends of the names of what they make. */
const classes: readonly [RegExp, string][] = [
  [/(ForCausalLM|LMHeadModel)$/, "AutoModelForCausalLM"],
  [/ForMaskedLM$/, "AutoModelForMaskedLM"],
  [/ForConditionalGeneration$/, "AutoModelForSeq2SeqLM"],
  [/ForSequenceClassification$/, "AutoModelForSequenceClassification"],
  [/ForTokenClassification$/, "AutoModelForTokenClassification"],
  [/ForQuestionAnswering$/, "AutoModelForQuestionAnswering"],
  [/ForImageClassification$/, "AutoModelForImageClassification"],
];

/** The command that writes model.safetensors beside what is there. */
export function conversion(source: FileSource, config: ConfigFile): string {
  const folder = nameOf(source);
  return (
    `python3 -c "from transformers import ${classOf(config)} as M; ` +
    `M.from_pretrained('${folder}').save_pretrained('${folder}', safe_serialization=True)"`
  );
}

/** A class of transformers that knows the model: by what its config.json says it is, else by its family. */
function classOf({ values }: ConfigFile): string {
  const named = Array.isArray(values["architectures"]) ? String(values["architectures"][0]) : "";
  const found = classes.find(([pattern]) => pattern.test(named));
  if (found) return found[1];
  const type = values["model_type"];
  const family = typeof type === "string" && Object.hasOwn(families, type) ? families[type] : undefined;
  const generates = named === "" && family !== undefined && (family.stack ?? "decoder") === "decoder";
  return generates ? "AutoModelForCausalLM" : "AutoModel";
}

/** The error for LoRA weights, with the command that merges them into their base model. */
export async function mergeAdapter(source: FileSource, file: string): Promise<ModelError> {
  const folder = nameOf(source);
  return new ModelError(
    `${locate(source, file)}: LoRA weights, which are no model by themselves. To merge them into their base model: ` +
      `python3 -c "from peft import AutoPeftModelForCausalLM as M; ` +
      `M.from_pretrained('${folder}').merge_and_unload().save_pretrained('${folder}-merged')"`,
    file,
  );
}

function nameOf({ name }: FileSource): string {
  return /[ '":]/.test(name) ? "FOLDER" : name;
}
