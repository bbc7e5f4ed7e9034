export interface Asked {
  name: string;
  ask(op: string, request: { what: string; out?: string }): Promise<unknown>;
}
export interface Agreement {
  who: string;
  method: string;
  error: number;
}
export function agreement(
  entries: { contestant: Asked; method: string }[],
  what: string,
  out: string,
): Promise<Agreement[]>;
