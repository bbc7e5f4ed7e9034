// Several things at once, their results in order.

/**
 * Runs up to `atOnce` of the items at a time and yields the results in the items' order; an item is taken from the
 * iterable only when its turn comes. A rejection is thrown where its result would have been yielded.
 */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  run: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const pending: Promise<R>[] = [];
  for await (const item of items) {
    const result = run(item);
    // Until its turn to be thrown comes, a rejection is nobody's.
    result.catch(() => {});
    pending.push(result);
    if (pending.length >= atOnce) yield await pending.shift()!;
  }
  while (pending.length > 0) yield await pending.shift()!;
}
