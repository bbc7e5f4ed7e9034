// What must hold for any files whatever: they are refused with the documented error, or they work.
import { compareReports, rowsAbove, rowsGrown } from "../src/analysis/index.js";
import { keepRows } from "../src/analysis/resume.js";
import { ModelError } from "../src/base/errors.js";
import type { BlobLike } from "../src/base/platform.js";
import type { Runtime } from "../src/measure/createRuntime.js";
import { loadModel, type Model } from "../src/models/index.js";
import { parseReport, toComparison, toCSV, toHTML, toJSON, toSVG, toTable } from "../src/report/index.js";

export type Outcome = "accepted" | "refused";
export type Files = ReadonlyMap<string, Uint8Array>;

/** Whoever reads an error on a terminal reads no more. */
const longestMessage = 2000;
const text = "How smooth is attention? \u00e9\u{1f600}\n  <s> [CLS] 12,3";

/** loadModel; where it accepts, the text encoded and decoded, and the inputs of the last layer, which need all weights. */
export async function checkModel(files: Files, runtime: Runtime): Promise<Outcome> {
  const blobs = new Map([...files].map(([name, bytes]) => [name, blobOf(bytes)]));
  const model = await orModelError(() => loadModel(blobs, { runtime }));
  if (!model) return "refused";
  try {
    const encodes = (await checkText(model)) || !files.has("tokenizer.json");
    const input = inputFor(model);
    const trace = input && (await orModelError(() => model.trace(input, { layers: [model.layers - 1] })));
    if (!trace) return "refused";
    for (const { data } of trace.values()) {
      if (!data.every(Number.isFinite)) throw new Error("the traced input of a layer is not finite");
    }
    return encodes ? "accepted" : "refused";
  } finally {
    model.dispose();
  }
}

/** Whether there is a tokenizer that takes the text. */
async function checkText(model: Model): Promise<boolean> {
  const tokens = await orModelError(() => model.encode(text));
  if (!tokens) return false;
  const wrong = Array.isArray(tokens) ? tokens.find((token) => !Number.isSafeInteger(token) || token < 0) : tokens;
  if (wrong !== undefined) throw new Error(`encode returned ${String(wrong)} among its tokens`);
  const decoded = await orModelError(() => model.tokenizer!.decode(tokens));
  if (decoded !== undefined && typeof decoded !== "string") throw new Error(`decode returned a ${typeof decoded}`);
  return decoded !== undefined;
}

/** None for images too large to make for each case. */
function inputFor({ config: { image, vocabulary, context } }: Model) {
  if (!image) return Array.from({ length: Math.min(3, context) }, (_, at) => at % vocabulary);
  const shape = [image.channels, image.height, image.width];
  const size = shape.reduce((product, extent) => product * extent, 1);
  return size > 1e5 ? undefined : { pixels: { data: new Float32Array(size).fill(0.5), shape } };
}

/** The value, or undefined where a ModelError was thrown that is fit to be shown; whatever else was thrown is. */
async function orModelError<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    checkMessage(error);
    return undefined;
  }
}

function checkMessage({ message }: Error): void {
  if (message.length > longestMessage)
    throw new Error(`a message of ${message.length} characters: ${message.slice(0, 200)}`);
}

/** A file in memory that takes note of reads that no file could answer. */
function blobOf(bytes: Uint8Array): BlobLike {
  return {
    size: bytes.length,
    arrayBuffer: async () => bytes.slice().buffer,
    slice(start = 0, end = bytes.length) {
      if (!(0 <= start && start <= end && end <= bytes.length)) {
        throw new Error(`bytes ${start} to ${end} are read of a file of ${bytes.length}`);
      }
      return blobOf(bytes.subarray(start, end));
    },
  };
}

/** parseReport; where it accepts, every way to show, compare and go on from the report. */
export async function checkReport(files: Files, intact: Files): Promise<Outcome> {
  const [[name, bytes]] = files;
  let report: ReturnType<typeof parseReport>;
  try {
    report = parseReport(new TextDecoder().decode(bytes));
  } catch (error) {
    expectAbout('"report', error);
    return "refused";
  }
  const written = toJSON(report);
  if (toJSON(parseReport(written)) !== written) throw new Error("a report changes when it is written and read again");
  const html = toHTML(report);
  const svg = toSVG(report);
  if (/<script/i.test(html + svg)) throw new Error("a text of the report has become markup");
  toTable(report);
  toCSV(report);
  const other = parseReport(new TextDecoder().decode(intact.get(name)));
  toComparison(compareReports(report, other));
  toComparison(compareReports(other, report));
  rowsAbove(report, 1);
  rowsGrown(report, other, 1.1);
  try {
    keepRows(report, other.provenance, []);
  } catch (error) {
    expectAbout('"resume', error);
  }
  return "accepted";
}

function expectAbout(label: string, error: unknown): void {
  const documented = error instanceof TypeError || error instanceof RangeError;
  if (!documented || !error.message.startsWith(label)) throw error;
  checkMessage(error);
}
