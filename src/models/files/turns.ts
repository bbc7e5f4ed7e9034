// At most so many tasks at once; the others wait for their turn.

export type Turns = <T>(task: () => Promise<T>) => Promise<T>;

export function turns(atOnce: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running === atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // The place passes on to the next in line.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
