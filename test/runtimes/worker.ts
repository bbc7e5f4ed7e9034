// Workers bundled in two ways, and served by workerd itself.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { build } from "esbuild";
import { workerd, wrangler } from "./machine.js";
import { consumer } from "./places.js";

const run = promisify(execFile);
const compatibilityDate = "2026-04-01";

/** A bundler that knows the exports of package.json, told the conditions by hand. */
export async function bundleByConditions(entry: string, name: string): Promise<string> {
  const folder = fresh(name);
  await build({
    entryPoints: [`${consumer}${entry}`],
    absWorkingDir: consumer,
    bundle: true,
    format: "esm",
    outdir: folder,
    conditions: ["workerd", "worker", "browser", "import"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    outExtension: { ".js": ".mjs" },
    logLevel: "silent",
  });
  return folder;
}

/** As `wrangler deploy` bundles it, without sending it anywhere. */
export async function bundleByWrangler(entry: string, name: string): Promise<string> {
  const folder = fresh(name);
  const config = `${consumer}${name}.wrangler.json`;
  writeFileSync(config, JSON.stringify({ name, main: entry, compatibility_date: compatibilityDate }));
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", XDG_CONFIG_HOME: `${consumer}.config`, CI: "1" };
  const args = [wrangler.path, "deploy", "--dry-run", "--config", config, "--outdir", folder];
  await run(process.execPath, args, { cwd: consumer, env });
  return folder;
}

function fresh(name: string): string {
  const folder = `${consumer}bundles/${name}/`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

export interface Served {
  url: string;
  /** Milliseconds of processor time so far, over all threads. */
  cpu(): number;
  /** The most memory that was resident, in bytes. */
  peakMemory(): number;
  stop(): void;
}

/** Serves the bundle in a folder: one script, and .wasm modules by the names that it imports. */
export async function serve(folder: string): Promise<Served> {
  const files = readdirSync(folder).filter((file) => /\.(m?js|wasm)$/.test(file) || file.includes(".wasm"));
  const script = files.find((file) => /\.m?js$/.test(file))!;
  // workerd reads a file by its path, which must not hold a query.
  const modules = [`(name = "${script}", esModule = embed "${script}")`];
  for (const file of files.filter((file) => file !== script)) {
    const onDisk = file.replace("?module", "");
    if (onDisk !== file) copyFileSync(`${folder}${file}`, `${folder}${onDisk}`);
    modules.push(`(name = "${file}", wasm = embed "${onDisk}")`);
  }
  writeFileSync(
    `${folder}config.capnp`,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [${modules.join(", ")}],
    compatibilityDate = "${compatibilityDate}",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
  );
  const child = spawn(workerd.path, ["serve", `${folder}config.capnp`, "--control-fd=3"], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const port = await listening(child, basename(folder));
  return {
    url: `http://127.0.0.1:${port}/`,
    cpu: () => cpuMilliseconds(child.pid!),
    peakMemory: () => 1024 * Number(readFileSync(`/proc/${child.pid}/status`, "utf8").match(/VmHWM:\s+(\d+)/)![1]),
    stop: () => child.kill(),
  };
}

function listening(child: ChildProcess, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let errors = "";
    child.stderr!.on("data", (text) => {
      errors += text;
    });
    child.on("exit", () => reject(new Error(`workerd ended before it served ${name}\n${errors}`)));
    let said = "";
    (child.stdio[3] as Readable).on("data", (text) => {
      said += text;
      const port = said.match(/"port":(\d+)/);
      if (port) resolve(Number(port[1]));
    });
  });
}

/** Linux counts processor time in hundredths of a second. */
function cpuMilliseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}
