import { expect, it } from "vitest";
import { formatBytes } from "../../src/base/numbers.js";
import { tellDownloads } from "../../src/report/downloads.js";

it("downloads are drawn ten times a second at most", () => {
  const said: string[] = [];
  let time = 0;
  const onProgress = tellDownloads(
    (line) => said.push(line),
    () => time,
  );
  onProgress({ type: "file", file: "config.json", bytes: 7 });
  for (; time < 250; time += 10) {
    onProgress({ type: "download", file: "model.safetensors", loaded: 1000 * time, total: 2e6 });
  }
  expect(said).toEqual([
    "fetching model.safetensors: 0 B of 2.0 MB",
    "fetching model.safetensors: 100.0 kB of 2.0 MB",
    "fetching model.safetensors: 200.0 kB of 2.0 MB",
  ]);
});

it("formatBytes has a unit that keeps numbers short", () => {
  expect([0, 999, 1000, 999_949, 999_950, 5.4e8, 4.13e9, 2e13].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "999.9 kB",
    "1.0 MB",
    "540.0 MB",
    "4.1 GB",
    "20000.0 GB",
  ]);
});
