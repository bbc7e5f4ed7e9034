import fc from "fast-check";
import { expect, it } from "vitest";
import { visible } from "../../src/base/visible.js";

it("visible shows controls, C1 and marks of reading order, and leaves text alone", () => {
  expect(visible("\x1b]0;PWNED\x07\x1b[2J\x9b31m\x7f")).toBe("\\u001b]0;PWNED\\u0007\\u001b[2J\\u009b31m\\u007f");
  expect(visible("\u202egnp.exe\u2066\u2028\r")).toBe("\\u202egnp.exe\\u2066\\u2028\\u000d");
  expect(visible("Größe σ\t1\n日本語 🙂")).toBe("Größe σ\t1\n日本語 🙂");
});

it("visible keeps what JSON says", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const shown = visible(JSON.stringify(text));
      expect(JSON.parse(shown)).toBe(text);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    }),
  );
});
