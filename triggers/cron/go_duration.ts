/** The units of a duration in Go, in nanoseconds. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n, // micro sign
  "\u03bcs": 1_000n, // Greek letter mu
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const NANOS_PER_MS = 1_000_000n;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/**
 * Reads a duration in the syntax of Go: numbers with units, such as `1h30m`,
 * `1.5h` or `250ms`. Nothing is rounded.
 *
 * @returns The duration in milliseconds, or what is wrong with it.
 */
export function parseGoDuration(text: string): number | { reason: string } {
  const scale = 10n ** BigInt(text.length); // no fraction has more digits
  const sum = sumOfParts(text, scale);
  if (sum === undefined) {
    return { reason: "expected a duration such as 1h30m, 1.5h or 10s" };
  }
  if (sum === 0n) return { reason: "zero, expected at least 1ms" };
  const scaledMs = NANOS_PER_MS * scale;
  if (sum % scaledMs !== 0n) {
    return { reason: "finer than a millisecond, expected whole milliseconds" };
  }
  const ms = Number(sum / scaledMs);
  return Number.isSafeInteger(ms)
    ? ms
    : { reason: "too long, expected less than 285,000 years" };
}

/** In nanoseconds times `scale`; `undefined` if the text is not a duration. */
function sumOfParts(text: string, scale: bigint): bigint | undefined {
  let sum = 0n;
  let end = 0;
  while (end < text.length) {
    PART.lastIndex = end;
    const part = PART.exec(text);
    if (part === null) return undefined;
    const [whole, fraction = ""] = part[1].split(".");
    sum += BigInt(whole + fraction) * UNITS[part[2]] * scale /
      10n ** BigInt(fraction.length);
    end = PART.lastIndex;
  }
  return end === 0 ? undefined : sum;
}
