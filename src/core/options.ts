/**
 * Throws a `TypeError` if `options` is no object, or has an option that does
 * not exist.
 *
 * @param action What was attempted, such as `schedule "a"`.
 * @param known The names of the options that exist.
 */
export function checkOptions(
  action: string,
  options: unknown,
  known: readonly string[],
): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${action} with the options ${options}: expected an object`,
    );
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new TypeError(
      `Cannot ${action} with the option "${name}": expected ` +
        (meant === undefined
          ? `one of ${known.map((one) => `"${one}"`).join(", ")}`
          : `"${meant}", or another option that exists`),
    );
  }
}

/** The known name that was probably meant, if one is close. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const like = known.find((one) => one.toLowerCase() === lower) ??
    known.find((one) => one.toLowerCase().startsWith(lower)) ??
    known.find((one) => lower.startsWith(one.toLowerCase()));
  if (like !== undefined) return like;
  const distances = known.map((one) => distance(lower, one.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.min(3, name.length / 3)
    ? known[distances.indexOf(least)]
    : undefined;
}

/** How many letters have to be changed, added or removed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + change));
    }
    row = next;
  }
  return row[b.length];
}
