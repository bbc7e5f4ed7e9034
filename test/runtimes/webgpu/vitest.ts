// What the device tests import from "vitest", in runtimes that vitest itself does not run in: its runner and its expect.
import {
  chai,
  type ExpectStatic,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import { restoreAllMocks, spyOn } from "@vitest/spy";

export { afterAll, afterEach, beforeAll, describe, it } from "@vitest/runner";

export const vi = { spyOn, restoreAllMocks };

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

export const expect = ((value: unknown, message?: string) => chai.expect(value, message)) as ExpectStatic;
Object.assign(expect, chai.expect);
setState({ assertionCalls: 0 }, expect);
Object.assign(globalThis, { [GLOBAL_EXPECT]: expect });
