// The command line, from its arguments to an exit code.
import { version } from "../base/version.js";
import { analyze } from "./analyze.js";
import { bounds } from "./bounds.js";
import { commands, helpOf, overview } from "./commands.js";
import { compare } from "./compare.js";
import { demo } from "./demo.js";
import type { Engine } from "./engine.js";
import { type CommandLine, parseCommandLine } from "./flags.js";
import { info } from "./info.js";
import { exitCode, Interruption, type IO, ReaderLeft } from "./io.js";
import { reproduce } from "./reproduce.js";
import { suggestion, UsageError } from "./usage.js";

const actions: Record<string, (line: CommandLine, io: IO, engine: Engine) => Promise<number>> = {
  analyze,
  bounds,
  compare,
  demo,
  info,
  reproduce,
};

/** Runs one command. Never rejects: what goes wrong is said on stderr, in one line, and in the exit code. */
export async function run(args: string[], io: IO, engine: Engine): Promise<number> {
  try {
    return await dispatch(args, io, engine);
  } catch (error) {
    return sayWhatWentWrong(error, io);
  }
}

async function dispatch([name, ...args]: string[], io: IO, engine: Engine): Promise<number> {
  if (name === "--help" || name === "-h" || name === "help") {
    io.stdout.write(overview());
    return exitCode.ok;
  }
  if (name === "--version") {
    io.stdout.write(`${version}\n`);
    return exitCode.ok;
  }
  if (name === undefined)
    throw new UsageError(
      "which command? analyze measures a model, bounds sets theory beside it, reproduce makes a figure of the papers, " +
        "compare sets two reports side by side, info shows this machine",
    );
  const command = commands.find((command) => command.name === name);
  if (!command) {
    const known = name.startsWith("-") ? ["--help", "--version"] : commands.map(({ name }) => name);
    throw new UsageError(`unknown ${name.startsWith("-") ? "flag" : "command"} ${name}${suggestion(name, known)}`);
  }

  const line = parseCommandLine(args, command);
  if (line.has("help")) {
    io.stdout.write(helpOf(command));
    return exitCode.ok;
  }
  return actions[name](line, io, engine);
}

function sayWhatWentWrong(error: unknown, io: IO): number {
  if (error instanceof ReaderLeft) return exitCode.noReader;
  const message = error instanceof Error ? error.message : String(error);
  // One line, whatever a file or a server had to say.
  io.stderr.write(`howsmooth: ${message.replace(/\s*\n\s*/g, " ")}\n`);
  if (io.env["HOWSMOOTH_DEBUG"] === "1" && error instanceof Error) io.stderr.write(`${error.stack}\n`);
  if (error instanceof Interruption) return error.exitCode;
  if (!(error instanceof UsageError)) return exitCode.failed;
  io.stderr.write(`Try ${error.command ? `howsmooth ${error.command}` : "howsmooth"} --help.\n`);
  return exitCode.usage;
}
