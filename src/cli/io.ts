// What the command touches of the outside world, apart from files, so that tests can stand in for it.

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface IO {
  stdout: Output;
  stderr: Output;
  env: Record<string, string | undefined>;
  /** Aborted by Ctrl-C, with an Interruption as its reason. */
  signal: AbortSignal;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

export const exitCode = { ok: 0, failed: 1, usage: 2, gate: 3 } as const;

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
