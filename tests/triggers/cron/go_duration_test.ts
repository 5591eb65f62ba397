import { assertEquals } from "@std/assert";
import { parseGoDuration } from "../../../triggers/cron/go_duration.ts";

Deno.test("parts add up, in any order and unit", () => {
  assertEquals(parseGoDuration("1h30m"), 5_400_000);
  assertEquals(parseGoDuration("30m1h"), 5_400_000);
  assertEquals(parseGoDuration("1m1m"), 120_000);
  assertEquals(parseGoDuration("999us1000ns"), 1);
  assertEquals(parseGoDuration("1000\u00b5s"), 1); // micro sign
  assertEquals(parseGoDuration("1000\u03bcs"), 1); // Greek letter mu
});

Deno.test("fractions are exact where floating point is not", () => {
  assertEquals(parseGoDuration("4.35s"), 4_350); // 4.35 * 1000 is 4350.000…
  assertEquals(parseGoDuration("0.07s"), 70); // 0.07 * 1000 is 70.00000000000001
  assertEquals(parseGoDuration("0.1s0.2s"), 300);
  assertEquals(parseGoDuration("0.1h"), 360_000);
  assertEquals(parseGoDuration("999999.5ns0.5ns"), 1);
  assertEquals(parseGoDuration("9007199254740991ms"), Number.MAX_SAFE_INTEGER);
});

Deno.test("what is wrong with a duration is said", () => {
  const cases: [string, string][] = [
    ["", "expected a duration such as 1h30m, 1.5h or 10s"],
    ["5", "expected a duration such as 1h30m, 1.5h or 10s"],
    ["1h 30m", "expected a duration such as 1h30m, 1.5h or 10s"],
    ["1h-30m", "expected a duration such as 1h30m, 1.5h or 10s"],
    ["1d", "expected a duration such as 1h30m, 1.5h or 10s"],
    ["0h0.0s", "zero, expected at least 1ms"],
    ["1.0005s", "finer than a millisecond, expected whole milliseconds"],
    ["0.0001ns", "finer than a millisecond, expected whole milliseconds"],
    ["1ms0.0001ns", "finer than a millisecond, expected whole milliseconds"],
    ["999999.5ns", "finer than a millisecond, expected whole milliseconds"],
    ["9007199254740992ms", "too long, expected less than 285,000 years"],
  ];
  for (const [text, reason] of cases) {
    assertEquals(parseGoDuration(text), { reason }, text);
  }
});
