// howsmooth info: versions, and what this machine computes on.
import { version } from "../base/version.js";
import type { Engine } from "./engine.js";
import type { CommandLine } from "./flags.js";
import { exitCode, type IO } from "./io.js";
import { UsageError } from "./usage.js";

export async function info(line: CommandLine, io: IO, engine: Engine): Promise<number> {
  if (line.operands.length > 0) throw new UsageError(`expected no argument, got ${line.operands[0]}`, "info");
  const runtime = await engine.createRuntime({
    device: line.oneOf("device", "auto", "wasm", "webgpu"),
    dtype: line.oneOf("dtype", "f32", "f64"),
  });
  const { info } = runtime;
  runtime.dispose();

  const facts = {
    howsmooth: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    runtime: info,
  };
  if (line.has("json")) {
    io.stdout.write(`${JSON.stringify(facts, null, 2)}\n`);
    return exitCode.ok;
  }
  const lines = Object.entries({ ...facts, ...info, runtime: undefined }).filter(([, value]) => value !== undefined);
  for (const [name, value] of lines) io.stdout.write(`${name.padEnd(12)}${value}\n`);
  return exitCode.ok;
}
