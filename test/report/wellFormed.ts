// Whether a string is well-formed markup: enough of XML 1.0 to notice whatever a hostile text could break.

/** Elements of HTML that have no end. */
const unclosed = new Set(["meta"]);

/** @throws Error saying what is wrong and where */
export function checkWellFormed(markup: string): void {
  const open: string[] = [];
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at}: ${JSON.stringify(markup.slice(at, at + 60))}`);
  };
  const control = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(markup);
  if (control) throw new Error(`a character that XML cannot hold at ${control.index}`);
  if (/^<!doctype html>\n/.test(markup)) at = "<!doctype html>\n".length;
  while (at < markup.length) {
    if (markup[at] !== "<") {
      const end = markup.indexOf("<", at);
      const text = markup.slice(at, end < 0 ? undefined : end);
      if (open.at(-1) !== "style" && /&(?!(amp|lt|gt|quot|#39);)/.test(text)) fail("a bare &");
      if (text.includes("]]>")) fail("]]>");
      at += text.length;
      continue;
    }
    const tag = /^<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z:-]+="[^"<]*")*)(\/?)>/.exec(markup.slice(at, at + 20_000));
    const [whole, end, name, attributes, empty] = tag ?? fail("not a tag");
    if (/&(?!(amp|lt|gt|quot|#39);)/.test(attributes)) fail("a bare & in an attribute");
    const names = [...attributes.matchAll(/ ([a-zA-Z:-]+)=/g)].map(([, name]) => name);
    if (new Set(names).size !== names.length) fail("an attribute twice");
    if (end) {
      if (open.pop() !== name) fail("an end tag without its start");
    } else if (!empty && !unclosed.has(name)) open.push(name);
    at += whole.length;
  }
  if (open.length > 0) fail(`no end of ${open.join(", ")}`);
}
