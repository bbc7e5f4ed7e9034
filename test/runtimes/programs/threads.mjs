// Node, Deno, Bun: two threads. Ends by itself, without process.exit().
import * as howsmooth from "howsmooth";
import { proveThreads } from "./threadsProof.mjs";

console.log(JSON.stringify(await proveThreads(howsmooth)));
await howsmooth.createRuntime({ device: "wasm", threads: 2 }); // never disposed of: it must not keep the process
