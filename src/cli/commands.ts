// The commands and their flags: one description, from which the parser and the help are made.

import { flagOf, settingNames, settings } from "../analysis/settings.js";

export interface Flag {
  /** Name of the value in the help; a flag without one is a switch. */
  value?: string;
  help: string;
}

export interface Command {
  name: string;
  /** Positional arguments, as the help shows them. */
  operands: string[];
  summary: string;
  flags: Record<string, Flag>;
  /** Further paragraphs of the help. */
  notes: string[];
}

/** Of `analyze`, as far as the model's context goes. */
export const defaultLengths = [2, 4, 8, 16, 32, 64];

const device: Record<string, Flag> = {
  device: { value: "auto|wasm|webgpu", help: "where to compute (default auto)" },
  dtype: { value: "f32|f64", help: "arithmetic (default f32)" },
};

/** The settings of a measurement, as flags. */
const ofMeasurement: Record<string, Flag> = {
  ...Object.fromEntries(settingNames.map((name) => [flagOf(name), settings[name].flag])),
  lengths: {
    ...settings.lengths.flag,
    help: `${settings.lengths.flag.help} (default ${defaultLengths}, as far as the model's context goes)`,
  },
};

/** With generated weights. */
export const randomModels = ["random:gpt2", "random:bert", "random:llama"];

const help: Record<string, Flag> = { help: { help: "show this help" } };

export const analyze: Command = {
  name: "analyze",
  operands: ["<model>"],
  summary: "measure the local Lipschitz constant of a model's attention layers on a text",
  flags: {
    text: { value: "FILE", help: "UTF-8 text to measure on (default: a text of ours)" },
    tokens: { value: "FILE.json", help: "the same as a JSON array of token ids" },
    ...ofMeasurement,
    ...device,
    threads: { value: "N|auto", help: "measure in N workers at once; auto: one per core (default 1, without workers)" },
    out: { value: "DIR", help: "write report.json, .csv, .svg and .html there" },
    resume: { help: "go on from the incomplete report in --out DIR" },
    json: { help: "print report.json on stdout instead of the table" },
    "fail-above": { value: "X", help: "exit with 3 unless the upper bound of every row is at most X" },
    baseline: { value: "FILE", help: "an earlier report.json (or its folder) to judge growth against" },
    "fail-growth": { value: "X", help: "exit with 3 unless no row has grown more than X times since --baseline" },
    ...help,
  },
  notes: [
    [
      "<model> is one of",
      "  a folder               with config.json and *.safetensors",
      "  tiny                   the small trained GPT-2 that comes with howsmooth",
      `  ${randomModels.join("|").replaceAll("|random:", "|").padEnd(23)}random weights, as before training`,
      "  owner/name[@revision]  a model of the Hugging Face hub; of it, only what is needed is fetched",
      "  http(s)://...          such a folder on a server",
      "",
      "Environment, for models of the hub and of servers:",
      "  HF_ENDPOINT            the hub's address (default https://huggingface.co)",
      "  HF_TOKEN               a token for models that are not public",
      "  HOWSMOOTH_CACHE        the folder that keeps what was fetched (default ~/.cache/howsmooth)",
    ].join("\n"),
    "LIST is comma-separated integers and ranges from:to or from:to:step, both ends included: 8,32,64 or 2:100:2.",
    "The gate passes a row if its upper bound is at most the limit: that of --fail-above, or --fail-growth times the\n" +
      "lower bound of the same row in --baseline. It goes on with a row until that is decided, at most to the solver's\n" +
      "step limit; undecided fails. A row of the same input, weights and settings as the baseline's passes as unchanged.",
    "Exit codes: 0 done, 1 failed (or a row did), 2 wrong usage, 3 beyond --fail-above or --fail-growth, 130 interrupted.\n" +
      "With --out an interrupted run leaves a report of the rows so far, marked as incomplete; --resume goes on from it.",
  ],
};

export const bounds: Command = {
  name: "bounds",
  operands: ["<model>"],
  summary: "set upper bounds of each attention layer beside its measured Lipschitz constant",
  flags: {
    text: { value: "FILE", help: "UTF-8 text to measure on (default: a text of ours)" },
    tokens: { value: "FILE.json", help: "the same as a JSON array of token ids" },
    layers: { value: "LIST", help: "layers, counted from 0 (default: all)" },
    lengths: { value: "LIST", help: "tokens per window, one window each (default 8,32)" },
    ...device,
    seed: { value: "N", help: "of the solver's starts and of a random model's weights (default 0)" },
    json: { help: "print every bound, with its source and assumptions, as JSON" },
    ...help,
  },
  notes: [
    [
      "Columns, each bound from above:",
      "  at x         certified at this input, from its attention probabilities",
      "  distances    at this input, from distances of tokens alone",
      "  radius       the largest norm that a token can have after the norm before the layer",
      "  normalised   over all inputs that this norm can give, with its gain and bias absorbed",
      "  ball         over all inputs of n tokens within the radius",
      "  paper        the same, as in Castin, Ablin and Peyré 2024",
      "docs/theory.md has their proofs. – : not for this kind of layer.",
    ].join("\n"),
    "<model> and LIST are those of howsmooth analyze --help.",
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
  ],
};

export const reproduce: Command = {
  name: "reproduce",
  operands: ["<figure>"],
  summary: "make a figure of the papers again, beside what was published: JSON, SVG and a paragraph",
  flags: {
    text: { value: "FILE", help: "castin-text: UTF-8 text to measure on (default: a text of ours)" },
    tokens: { value: "FILE.json", help: "castin-text: the same as a JSON array of token ids" },
    layers: { value: "LIST", help: "castin-text: layers, counted from 0 (default: the first and the middle one)" },
    lengths: { value: "LIST", help: "castin-text: tokens per window (default twelve lengths from 2 to 100)" },
    samples: { value: "N", help: "castin-text: windows per length (default 3)" },
    quick: { help: "smaller sizes, in seconds: nothing is compared with what was published" },
    seed: { value: "N", help: "of weights and inputs (default 0)" },
    out: { value: "DIR", help: "write <figure>.json, .svg and .md there (default figures)" },
    json: { help: "print the JSON instead of the paragraph" },
    ...help,
  },
  notes: [
    [
      "<figure> is one of",
      "  bound-gap            how far above the truth each upper bound lies",
      "  castin-adversarial   inputs at which the constant grows like the square root of n",
      "  castin-random        growth with n at random initialisation, GPT-2 and BERT",
      "  castin-text <model>  growth with n of a model's layers on a text",
      "  kim-inverse          residual attention run backwards, L2 against dot-product",
      "  kim-tightness        how tight the bound of L2 attention is",
    ].join("\n"),
    "Computed in f64 on wasm. The same seed gives the same figure. <model> is that of howsmooth analyze --help.",
    "Exit codes: 0 reproduced, 1 failed, or some number differs from what is known, 2 wrong usage, 130 interrupted.",
  ],
};

export const compare: Command = {
  name: "compare",
  operands: ["<a>", "<b>"],
  summary: "set two reports side by side: the ratio per layer and length, and what is beyond their brackets",
  flags: { json: { help: "print the comparison as JSON" }, ...help },
  notes: [
    "<a> and <b> are report.json files, or folders that hold one. Rows are matched by layer, head, n and sample.",
    "Beyond their brackets: b's lower bound is above a's upper bound, or b's upper bound below a's lower one.",
    "Exit codes: 0 compared, 1 a report cannot be read or they have no row in common, 2 wrong usage.",
  ],
};

export const demo: Command = {
  name: "demo",
  operands: [],
  summary: "a random GPT-2 beside a small trained one, on a text of ours, in one table (what npm start shows)",
  flags: help,
  notes: [],
};

export const info: Command = {
  name: "info",
  operands: [],
  summary: "show versions and what this machine computes on",
  flags: { ...device, json: { help: "print it as JSON" }, ...help },
  notes: [],
};

export const commands = [analyze, bounds, compare, demo, info, reproduce];

export function overview(): string {
  return [
    "howsmooth: how smooth is the attention of this model on this text?",
    "",
    "Usage:",
    ...commands.map((command) => `  howsmooth ${usageOf(command)}`),
    "",
    "Commands:",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`),
    "",
    "  howsmooth <command> --help shows its flags; howsmooth --version the version.",
    "  HOWSMOOTH_DEBUG=1 adds stack traces to errors.",
    "",
  ].join("\n");
}

export function helpOf(command: Command): string {
  const flags = Object.entries(command.flags).map(([name, { value, help }]) => {
    return `  ${`--${name}${value ? ` ${value}` : ""}`.padEnd(28)}${help}`;
  });
  return [
    `howsmooth ${usageOf(command)}`,
    "",
    `  ${command.summary}`,
    "",
    ...flags,
    ...command.notes.flatMap((note) => ["", note]),
    "",
  ].join("\n");
}

function usageOf({ name, operands }: Command): string {
  return [name, ...operands, "[flags]"].join(" ");
}
