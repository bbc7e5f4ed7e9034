// Which device tests run on WebGPU. A software GPU makes one set of pipelines in a minute or two, so that the usual suite
// has the files that it gets through; HOWSMOOTH_WEBGPU=all, as `npm run test:webgpu:all` sets it, has every file.

/** Names under test/device, as they begin, of the usual suite. */
const usual = ["attention.test", "compositions.test", "layers.test", "webgpu/"];
/** Of these, what takes a software GPU longer than a test may take. */
const slow = ["webgpu/agreement.test", "webgpu/contraction.test"];

/** Whether a file under test/device is run. */
export function isRun(file: string, all: boolean): boolean {
  if (file.startsWith("wasm/") || !file.endsWith(".test.ts")) return false;
  return all || (usual.some((name) => file.startsWith(name)) && !slow.some((name) => file.startsWith(name)));
}
