/** No statement takes more rows. */
const MAX_ROWS = 10_000;
/**
 * No statement takes more bytes, but for a single row: what is sent needs a
 * multiple of that in memory.
 */
const MAX_BYTES = 8 * 1_024 * 1_024;

/** Splits what a call was given, so that no statement grows too large. */
export function batchesOf<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
): Item[][] {
  const batches: Item[][] = [];
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    const isFull = batch.length === MAX_ROWS || bytes + size > MAX_BYTES;
    if (isFull && batch.length > 0) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
