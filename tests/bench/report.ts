/** Prints one line of a benchmark's table. */
export function print(what: string, value: string): void {
  console.log(`${what.padEnd(34)} ${value}`);
}

/** So many a second, since `start` on `performance.now()`. */
export function rate(count: number, start: number): string {
  const perSecond = count / ((performance.now() - start) / 1_000);
  return `${Math.round(perSecond).toLocaleString("en")}/s`;
}

/** The value below which `percent` per cent of the values lie. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.ceil(sorted.length * percent / 100) - 1;
  return sorted[Math.max(index, 0)];
}
