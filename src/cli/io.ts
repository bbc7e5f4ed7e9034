// What the command touches of the outside world, apart from files, so that tests can stand in for it.

export interface Output {
  /** Text to read: what would steer a terminal is shown instead (see visible.ts). */
  write(text: string): unknown;
  /** Sequences of our own that steer the terminal; by `write` where there is no other way. */
  control?(sequence: string): unknown;
  /** Why nothing more can be printed, where that is so; a write is then nothing. */
  readonly broken?: { code?: string };
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface IO {
  stdout: Output;
  stderr: Output;
  env: Record<string, string | undefined>;
  /** Aborted by Ctrl-C, with an Interruption as its reason. */
  signal: AbortSignal;
  /**
   * To be called where the work has an outcome beside stdout, files or a verdict: a reader that leaves then ends the
   * printing, and otherwise the run.
   */
  keepOn?(): void;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

/** `noReader` is what a shell says of a process that SIGPIPE has ended. */
export const exitCode = { ok: 0, failed: 1, usage: 2, gate: 3, noReader: 141 } as const;

/** The process was told to stop; `exitCode` is 128 plus the signal's number. */
export class Interruption extends Error {
  override name = "Interruption";
  constructor(
    signalName: string,
    readonly exitCode: number,
  ) {
    super(`interrupted by ${signalName}`);
  }
}

/** Nobody reads what is printed, and nothing else was asked for. */
export class ReaderLeft extends Error {
  override name = "ReaderLeft";
}
