// `npm run bench:peers`: ours beside what a user could pick instead, on the same seeded layers, in alternation, one
// thread each. Writes bench/results.json, prints its tables; `--write-readme` puts them into README.md.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import { parseArgs } from "node:util";
import { firstRow } from "../firstRow.mjs";
import { loadingTimes } from "../loading.mjs";
import { startField } from "./field.mjs";
import { agreement, callTimes, sigmaTimes } from "./measure.ts";
import { writeProblem } from "./problem.mjs";
import { checkReadme, writeReadme } from "./readme.ts";
import { tables } from "./table.ts";

const usage = `npm run bench:peers -- [--quick] [--budget SECONDS] [--table] [--write-readme]
  --quick         n = 64 and 256 with few repeats, to see that everything runs
  --budget        seconds after which one run of a peer is cut, default 90
  --table         print the tables of bench/results.json, measure nothing
  --write-readme  put them between <!-- peers --> and <!-- /peers --> in README.md`;

const file = new URL("../results.json", import.meta.url);
const options = {
  quick: { type: "boolean", default: false },
  budget: { type: "string", default: "90" },
  table: { type: "boolean", default: false },
  "write-readme": { type: "boolean", default: false },
};

async function measure({ quick, budget }) {
  const started = performance.now();
  const say = (text) => console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}`);
  const folder = await mkdtemp(`${os.tmpdir()}/howsmooth-peers-`);
  const { present, absent } = await startField();
  const [ours] = present;
  const results = {
    date: new Date().toISOString(),
    quick,
    machine: { cpu: os.cpus()[0].model, cores: os.cpus().length, os: `${os.type()} ${os.release()}` },
    load: { before: os.loadavg()[0] },
    contestants: present.map(({ contestant }) => ({ who: contestant.name, ...contestant.info })),
    absent,
    problems: [],
  };
  try {
    say("GEMM and its ceiling, loading, the first row");
    results.gemm = await ours.contestant.ask("own", { what: "gemm" });
    results.loading = await loadingTimes(folder);
    results.firstRow = await firstRow();
    for (const setting of settings(quick)) {
      const { n, weights, mask } = setting;
      const problem = await writeProblem(`${folder}/problem`, setting);
      const out = `${folder}/out.f32`;
      const forCalls = setting.calls ? present : present.filter(({ sigma }) => sigma);
      for (const { contestant } of forCalls) await contestant.ask("load", { problem });
      const forward = forCalls.map(({ contestant }) => ({ contestant, method: "forward" }));
      const application = forCalls.flatMap(({ contestant, application }) =>
        (setting.calls ? application : application.slice(0, 1)).map((method) => ({ contestant, method })),
      );
      const label = `n = ${n}, weights ${weights}, ${mask === "causal" ? "causal" : "full"}`;
      const row = { n, weights, mask };
      say(`${label}: agreement`);
      row.agreement = [
        ...(await agreement(forward, `forward at ${label}`, out)),
        ...(await agreement(application, `JᵀJ u at ${label}`, out)),
      ];
      if (setting.calls) {
        say(`${label}: forward, one application`);
        const effort = quick ? { rounds: 5, seconds: 2 } : { rounds: 15, seconds: 12 };
        row.forward = await callTimes(forward, effort);
        row.application = await callTimes(application, effort);
      }
      if (setting.sigma) {
        say(`${label}: seconds to sigma`);
        row.truth = await ours.contestant.ask("own", { what: "truth" });
        const runners = present.filter(({ sigma }) => sigma).map(({ contestant }) => contestant);
        const effort = quick
          ? { rounds: 2, seconds: 3, budget: Math.min(budget, 10) }
          : { rounds: 5, seconds: 20, budget };
        row.sigma = await sigmaTimes(runners, row.truth.sigma, effort);
      }
      results.problems.push(row);
    }
  } finally {
    for (const { contestant } of present) contestant.stop();
    await rm(folder, { recursive: true, force: true });
  }
  results.load.after = os.loadavg()[0];
  results.minutes = (performance.now() - started) / 60_000;
  return results;
}

/** The eight settings of sigma, and the three lengths at which single calls are timed. */
function settings(quick) {
  const sizes = quick ? [64, 256] : [256, 1024];
  const list = quick ? [] : [{ n: 64, weights: 0.02, mask: "causal", calls: true }];
  for (const n of sizes) {
    for (const weights of [0.02, 0.1]) {
      for (const mask of ["causal", "none"]) {
        list.push({ n, weights, mask, sigma: true, calls: weights === 0.02 && mask === "causal" });
      }
    }
  }
  return list;
}

const { values } = parseArgs({ options });
const budget = Number(values.budget);
if (!(budget > 0)) {
  console.error(`--budget: expected seconds, got "${values.budget}"\n${usage}`);
  process.exit(2);
}
if (values["write-readme"]) await checkReadme();
let results;
if (values.table) results = JSON.parse(await readFile(file, "utf8"));
else {
  results = await measure({ quick: values.quick, budget });
  await writeFile(file, `${JSON.stringify(results, null, 1)}\n`);
}
const text = tables(results);
console.log(text);
if (values["write-readme"]) await writeReadme(text);
