// Weights whose names have the prefixes of wrappers: of parallel training, of torch.compile, of PEFT.
import type { Tensor } from "../../base/tensor.js";
import type { StoredWeights } from "../forward/weights.js";

/** The weights under their own names, where wrappers had put theirs in front. */
export function unwrapped(weights: StoredWeights): StoredWeights {
  const stored = new Map<string, string>();
  let renamed = false;
  for (const name of weights.names()) {
    const own = ownName(name);
    renamed ||= own !== name;
    if (own === name || !stored.has(own)) stored.set(own, name);
  }
  return renamed ? new RenamedWeights(weights, stored) : weights;
}

/** `module.` (DataParallel), `_orig_mod.` (torch.compile, at any level), `base_model.model.` and `base_model.` (PEFT). */
function ownName(name: string): string {
  return name.replaceAll("_orig_mod.", "").replace(/^(?:module\.)*(?:base_model\.(?:model\.)?)?/, "");
}

class RenamedWeights implements StoredWeights {
  constructor(
    readonly inner: StoredWeights,
    /** From a tensor's own name to the stored one. */
    readonly stored: ReadonlyMap<string, string>,
  ) {}

  has(name: string): boolean {
    const stored = this.stored.get(name);
    return stored !== undefined && this.inner.has(stored);
  }

  names(): Iterable<string> {
    return this.stored.keys();
  }

  dtype(name: string): string | undefined {
    return this.inner.dtype(this.#stored(name));
  }

  shape(name: string): readonly number[] | undefined {
    return this.inner.shape(this.#stored(name));
  }

  require(name: string, shape: readonly number[]): void {
    this.inner.require(this.#stored(name), shape);
  }

  tensor(name: string): Promise<Tensor> {
    return this.inner.tensor(this.#stored(name));
  }

  rows(name: string, ids: readonly number[]): Promise<Tensor> {
    return this.inner.rows(this.#stored(name), ids);
  }

  #stored(name: string): string {
    return this.stored.get(name) ?? name;
  }
}
