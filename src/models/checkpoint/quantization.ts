// Weights of fewer bits: which are read, with their scales.
import type { ConfigFile } from "../architectures/config.js";

/** Methods that keep weights as floats of eight bits, with a scale beside them. */
const eightBitMethods = ["fp8", "fbgemm_fp8"];

/** Refuses a quantization that isn't read. */
export function refuseQuantization(config: ConfigFile): void {
  const settings = config.section("quantization_config");
  if (!settings) return;
  const method = settings.value("quant_method");
  if (eightBitMethods.includes(method as string)) return;
  if (method === "compressed-tensors" && /^(float|naive)-quantized$/.test(String(settings.value("format")))) return;
  throw config.unsupported("quantization_config", "not implemented; float of eight bits is, with its scales");
}

/** Rows and columns that share a scale. */
export function blockOf(config: ConfigFile): readonly [number, number] | undefined {
  const settings = config.values["quantization_config"] as Record<string, unknown> | undefined | null;
  const block = settings?.["weight_block_size"] ?? undefined;
  if (block === undefined) return undefined;
  const [height, width, ...rest] = Array.isArray(block) ? block : [];
  if (rest.length > 0 || !(Number.isSafeInteger(height) && height > 0 && Number.isSafeInteger(width) && width > 0)) {
    throw config.wrong("quantization_config", "weight_block_size: [rows, columns]", block);
  }
  return [height, width];
}
