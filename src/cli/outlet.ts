// Where the command prints: nothing that it shows steers a terminal, and a reader that leaves does not end the run.
import { visible } from "../base/visible.js";
import type { Output } from "./io.js";

/** A writable stream, as far as it is needed here. */
export interface Sink {
  write(text: string): unknown;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export class Outlet implements Output {
  readonly #sink: Sink;
  #broken?: NodeJS.ErrnoException;

  constructor(sink: Sink) {
    this.#sink = sink;
    sink.on("error", (error) => {
      this.#broken ??= error;
    });
  }

  get isTTY(): boolean | undefined {
    return this.#sink.isTTY;
  }

  get columns(): number | undefined {
    return this.#sink.columns;
  }

  /** Why nothing more can be printed: EPIPE where the reader has left, ENOSPC where the disk is full. */
  get broken(): NodeJS.ErrnoException | undefined {
    return this.#broken;
  }

  write(text: string): void {
    this.control(visible(text));
  }

  control(sequence: string): void {
    if (this.#broken) return;
    try {
      this.#sink.write(sequence);
    } catch (error) {
      this.#broken ??= error as NodeJS.ErrnoException;
    }
  }
}
