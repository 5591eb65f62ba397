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
 * Reads a duration as Go writes it: numbers with units, such as `1h30m`, `1.5h`
 * or `250ms`. Exact: fractions are not rounded.
 *
 * @returns The duration in milliseconds, or what is wrong with it.
 */
export function parseGoDuration(text: string): number | { reason: string } {
  const nanos = sumOfParts(text);
  if (nanos === undefined) {
    return {
      reason: "not a duration; one such as 1h30m, 1.5h or 10s is right",
    };
  }
  if (nanos === 0n) return { reason: "zero; at least 1ms is right" };
  if (nanos % NANOS_PER_MS !== 0n) {
    return { reason: "finer than a millisecond; whole milliseconds are right" };
  }
  const ms = Number(nanos / NANOS_PER_MS);
  return Number.isSafeInteger(ms)
    ? ms
    : { reason: "too long; less than 285,000 years is right" };
}

/** In nanoseconds; `undefined` if some of the text is no part of a duration. */
function sumOfParts(text: string): bigint | undefined {
  let sum = 0n;
  let end = 0;
  while (end < text.length) {
    PART.lastIndex = end;
    const part = PART.exec(text);
    if (part === null) return undefined;
    const nanos = inNanos(part[1], UNITS[part[2]]);
    if (nanos === undefined) return undefined;
    sum += nanos;
    end = PART.lastIndex;
  }
  return end === 0 ? undefined : sum;
}

/** `undefined`: finer than a nanosecond. */
function inNanos(decimal: string, unit: bigint): bigint | undefined {
  const [whole, fraction = ""] = decimal.split(".");
  const scaled = BigInt(whole + fraction) * unit;
  const scale = 10n ** BigInt(fraction.length);
  return scaled % scale === 0n ? scaled / scale : undefined;
}
