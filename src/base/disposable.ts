// Explicit resource management where the runtime has it: `using layer = runtime.attention(spec)`.

declare global {
  // As in TypeScript's own lib.esnext.disposable, which merges with this where a user has it.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/** Runtimes without `using` (Safari, as of 2026) have no such symbol; a private one stands in, which nobody asks for. */
const key: typeof Symbol.dispose = (Symbol as Partial<SymbolConstructor>).dispose ?? (Symbol("dispose") as never);

/** What holds memory: `dispose()` gives it back, and so does the end of a block for what was declared with `using`. */
export interface Disposable {
  dispose(): void;
  [Symbol.dispose](): void;
}

export abstract class Held implements Disposable {
  abstract dispose(): void;

  [key](): void {
    this.dispose();
  }
}
