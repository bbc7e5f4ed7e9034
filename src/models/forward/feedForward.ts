// The feed-forward part of a block: x → W_down(act(W_up x)) or W_down(act(W_gate x) ⊙ W_up x).

import { Held } from "../../base/disposable.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { Layer } from "../../device/linearization.js";
import type { Activation } from "../../layers/activation.js";
import type { Linear } from "../../layers/linear.js";
import type { Runtime } from "../../measure/createRuntime.js";

export interface FeedForwardSpec {
  /** Gated linear unit (Shazeer 2020): its activation multiplies the output of `up`. */
  gate?: Linear;
  up: Linear;
  down: Linear;
  activation: Activation;
}

/** [n, width] → [n, width]. */
export class FeedForward extends Held implements Layer {
  readonly #runtime: Runtime;
  readonly #activation: Activation;
  readonly #held: Layer[] = [];
  readonly #gate?: Layer;
  readonly #up: Layer;
  readonly #down: Layer;

  constructor(runtime: Runtime, { gate, up, down, activation }: FeedForwardSpec) {
    super();
    this.#runtime = runtime;
    this.#activation = activation;
    try {
      if (gate) this.#gate = this.#hold(runtime.linear(gate));
      this.#up = this.#hold(runtime.linear(up));
      this.#down = this.#hold(runtime.linear(down));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get dIn(): number {
    return this.#up.dIn;
  }

  get dOut(): number {
    return this.#down.dOut;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    const raised = await this.#up.forward(x);
    if (!this.#gate) return this.#down.forward(await this.#runtime.activate(this.#activation, raised));
    const gate = await this.#runtime.activate(this.#activation, await this.#gate.forward(x));
    for (let i = 0; i < gate.data.length; i++) gate.data[i] *= raised.data[i];
    return this.#down.forward(gate);
  }

  dispose(): void {
    for (const layer of this.#held.splice(0)) layer.dispose();
  }

  #hold(layer: Layer): Layer {
    this.#held.push(layer);
    return layer;
  }
}
