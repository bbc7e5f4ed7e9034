// Where the tests of runtimes find and leave things.
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
/** The packages of test/runtimes/package.json. */
export const packages = `${root}test/runtimes/node_modules/`;
/** The project that has the packed tarball installed, beside test/runtimes/programs. */
export const consumer = `${root}build/runtimes/consumer/`;
/** One JSON file a proof, for the README's table. */
export const evidence = `${root}build/runtimes/evidence/`;
