/** Part of a cron field: every `step`th value from `first` to `last`. */
export interface CronRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** The values of a range, in order. */
export function valuesOf({ first, last, step }: CronRange): number[] {
  const values: number[] = [];
  for (let value = first; value <= last; value += step) values.push(value);
  return values;
}

/** The lowest value that is `from` or more in any of the ranges. */
export function lowestFrom(
  ranges: readonly CronRange[],
  from: number,
): number | undefined {
  let lowest = Infinity;
  for (const { first, last, step } of ranges) {
    const steps = Math.max(0, Math.ceil((from - first) / step));
    const value = first + steps * step;
    if (value <= last && value < lowest) lowest = value;
  }
  return lowest === Infinity ? undefined : lowest;
}
