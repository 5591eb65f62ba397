import { assertEquals, assertThrows } from "@std/assert";
import type { Backoff } from "../../../src/api/backoff.ts";
import {
  ExponentialBackoff,
  type ExponentialBackoffOptions,
  FixedBackoff,
} from "../../../src/core/backoff.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const LONG_AGO = new Date("2020-01-01T00:00:00Z");

function delays(
  backoff: Backoff,
  ...retries: number[]
): (number | undefined)[] {
  return retries.map((retry) => {
    const next = backoff.nextRetryTime(LONG_AGO, retry, NOW);
    return next && next.getTime() - NOW.getTime();
  });
}

Deno.test("ExponentialBackoff doubles from 10 s to 10 minutes, from now on", () => {
  assertEquals(
    delays(new ExponentialBackoff(), 1, 2, 3, 6, 7, 8, 100, 5_000),
    [10_000, 20_000, 40_000, 320_000, 600_000, 600_000, 600_000, 600_000],
  );
});

Deno.test("ExponentialBackoff takes its first and longest delay", () => {
  const backoff = new ExponentialBackoff({ initialMs: 1_000, maxMs: 3_000 });
  assertEquals(delays(backoff, 1, 2, 3, 4), [1_000, 2_000, 3_000, 3_000]);
  const long = new ExponentialBackoff({ initialMs: 3_600_000 });
  assertEquals(delays(long, 1, 2), [3_600_000, 3_600_000]);
});

Deno.test("ExponentialBackoff gives up after its last retry", () => {
  const backoff = new ExponentialBackoff({ maxRetries: 2 });
  assertEquals(delays(backoff, 1, 2, 3), [10_000, 20_000, undefined]);
  assertEquals(delays(new ExponentialBackoff({ maxRetries: 0 }), 1), [
    undefined,
  ]);
});

Deno.test("ExponentialBackoff takes off no more than its jitter", () => {
  const jittered = (jitter: number, random: number) =>
    new ExponentialBackoff({ jitter, random: () => random });
  assertEquals(delays(jittered(0.5, 0), 1, 2), [10_000, 20_000]);
  assertEquals(delays(jittered(0.5, 0.5), 1, 2), [7_500, 15_000]);
  assertEquals(delays(jittered(1, 0.75), 1), [2_500]);
});

Deno.test("ExponentialBackoff counts from the clock if it is not told the time", () => {
  const before = Date.now();
  const next = new ExponentialBackoff().nextRetryTime(LONG_AGO, 1)!.getTime();
  assertEquals(next >= before + 10_000 && next <= Date.now() + 10_000, true);
});

Deno.test("ExponentialBackoff fits its first delay to a longest that is short", () => {
  assertEquals(delays(new ExponentialBackoff({ maxMs: 1_000 }), 1, 2), [
    1_000,
    1_000,
  ]);
});

Deno.test("ExponentialBackoff refuses options that do not exist", () => {
  assertThrows(
    () =>
      new ExponentialBackoff({ maxAttempts: 3 } as ExponentialBackoffOptions),
    TypeError,
    'the option "maxAttempts": ',
  );
});

Deno.test("ExponentialBackoff refuses options that make no sense", () => {
  for (
    const options of [
      { initialMs: 0 },
      { initialMs: -1 },
      { initialMs: NaN },
      { initialMs: Infinity },
      { initialMs: 10_000, maxMs: 9_999 },
      { maxMs: NaN },
      { maxMs: Infinity },
      { jitter: -0.1 },
      { jitter: 1.1 },
      { jitter: NaN },
      { maxRetries: -1 },
      { maxRetries: NaN },
      { maxRetries: "5" },
      { initialMs: "5" },
      { initialMs: 1e300 },
      { initialMs: 100 * 366 * 86_400_000 },
      { maxMs: "5" },
      { maxMs: 1e300 },
      { jitter: "0.5" },
      { random: 5 },
    ]
  ) {
    const [[name, value]] = Object.entries(options);
    const shown = typeof value === "string" ? `"${value}"` : value;
    assertThrows(
      () => new ExponentialBackoff(options as ExponentialBackoffOptions),
      RangeError,
      name === "initialMs" && "maxMs" in options
        ? "maxMs 9999: expected a number of milliseconds from 10000 (initialMs)"
        : `Cannot make a backoff with ${name} ${shown}: expected `,
    );
  }
});

Deno.test("FixedBackoff waits as its list says, then gives up", () => {
  const backoff = new FixedBackoff([1_000, 0, 60_000]);
  assertEquals(delays(backoff, 1, 2, 3, 4, 99), [
    1_000,
    0,
    60_000,
    undefined,
    undefined,
  ]);
  assertEquals(delays(new FixedBackoff([]), 1), [undefined]);
});

Deno.test("FixedBackoff counts from the run if it is not told the time", () => {
  assertEquals(
    new FixedBackoff([5]).nextRetryTime(NOW, 1),
    new Date(NOW.getTime() + 5),
  );
});

Deno.test("FixedBackoff keeps its list when the caller changes theirs", () => {
  const list = [1_000];
  const backoff = new FixedBackoff(list);
  list[0] = 5;
  list.push(6);
  assertEquals(delays(backoff, 1, 2), [1_000, undefined]);
});

Deno.test("FixedBackoff refuses delays that are no delays", () => {
  for (const delay of [-1, NaN, Infinity, 1e300, "1000", undefined]) {
    const shown = typeof delay === "string" ? `"${delay}"` : delay;
    assertThrows(
      () => new FixedBackoff([1, delay as number]),
      RangeError,
      `Cannot make a backoff with delaysMs[1] ${shown}: expected a number of ` +
        "milliseconds from 0 to 100 years",
    );
  }
  assertThrows(() => new FixedBackoff(Array(1)), RangeError, "delaysMs[0]");
});
