// workerd, which refuses to compile WebAssembly from bytes: the build for the edge, bundled in two ways.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prove } from "./evidence.js";
import { describeWith, output, workerd, wrangler } from "./machine.js";
import { bundleByConditions, bundleByWrangler, type Served, serve } from "./worker.js";

describeWith([workerd, wrangler], "workerd", () => {
  describe.each([
    ["condition workerd", bundleByConditions, "edge.mjs", ["f32", "f64"]],
    ["wrangler", bundleByWrangler, "edge.mjs", ["f32", "f64"]],
    ["edge-light's ?module imports", bundleByWrangler, "edge-light.mjs", ["f32", "f64"]],
    ["kernels.wasm passed as kernels", bundleByWrangler, "edge-kernels.mjs", ["f32"]],
  ] as const)("%s", (how, bundle, entry, dtypes) => {
    let served: Served;
    beforeAll(async () => {
      served = await serve(await bundle(entry, how.replace(/\W+/g, "-")));
    });
    afterAll(() => served?.stop());

    it("measures", async () => {
      const version = (await output(workerd.path, "--version")).trim().replace("workerd ", "");
      const response = await fetch(served.url);
      expect(response.status, await response.clone().text()).toBe(200);
      prove({ runtime: "workerd", version, how }, await response.json(), [...dtypes]);
    });
  });

  it("says what to do where the default build is bundled for it", async () => {
    const served = await serve(await bundleByConditions("edge-default.mjs", "default-at-the-edge"));
    try {
      expect(await (await fetch(served.url)).text()).toMatch(/howsmooth\/kernels\.wasm.*condition `workerd`/);
    } finally {
      served.stop();
    }
  });
});
