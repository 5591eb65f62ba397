import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SteppedClock } from "./stepped_clock.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

Deno.test("a stepped clock begins at a valid date", () => {
  const faults: [unknown, string][] = [
    ["2026-03-02", '"2026-03-02"'],
    [5, "5"],
    [null, "null"],
    [new Date(NaN), "an invalid Date"],
  ];
  for (const [start, shown] of faults) {
    assertThrows(
      () => new SteppedClock(start as Any),
      TypeError,
      `Cannot make a SteppedClock at ${shown}: expected a valid Date`,
    );
  }
});

Deno.test("a stepped clock is stepped by milliseconds, and not backwards", async () => {
  const clock = new SteppedClock();
  const start = clock.now();
  const faults: [unknown, string][] = [
    ["5", '"5"'],
    [undefined, "undefined"],
    [-5_000, "-5000"],
    [NaN, "NaN"],
    [Infinity, "Infinity"],
  ];
  for (const [ms, shown] of faults) {
    await assertRejects(
      () => clock.step(ms as Any),
      RangeError,
      `Cannot step the clock by ${shown}: expected a number of milliseconds`,
    );
  }
  assertThrows(() => clock.jump("5" as Any), RangeError, 'by "5": expected');
  assertEquals([clock.now(), clock.monotonic()], [start, 0]);
  await clock.step(0);
  clock.jump(-5);
  assertEquals([clock.now(), clock.monotonic()], [start - 5, 0]);
});
