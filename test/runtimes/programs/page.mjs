// A page without a bundler: the package's files as they are. The title says the outcome, for any driver to read.
// `?in=worker` measures in a Worker, `?on=webgpu` on WebGPU, `?on=threads` with two threads.
import { prove } from "./proof.mjs";
import { proveThreads } from "./threadsProof.mjs";

const asked = new URLSearchParams(location.search);
const options = asked.get("on") === "webgpu" ? { device: "webgpu", allowSoftware: true } : {};
const dtypes = options.device === "webgpu" ? ["f32"] : ["f32", "f64"];

async function here() {
  const howsmooth = await import("./node_modules/howsmooth/dist/index.js");
  return asked.get("on") === "threads" ? proveThreads(howsmooth) : prove(howsmooth, options, dtypes);
}

function inWorker() {
  return new Promise((resolve, reject) => {
    const worker = new Worker("pageWorker.mjs", { type: "module" });
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.proofs));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ options, dtypes });
  });
}

try {
  document.title = JSON.stringify({ proofs: await (asked.get("in") === "worker" ? inWorker() : here()) });
} catch (error) {
  document.title = JSON.stringify({ error: `${error.name}: ${error.message}` });
}
