import { assertEquals, assertThrows } from "@std/assert";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";

const START = new Date("2026-01-01T00:00:00.250Z");

Deno.test("SimpleTrigger fires one interval after the last fire time", () => {
  assertEquals(
    new SimpleTrigger(1500).nextFireTime(START),
    new Date("2026-01-01T00:00:01.750Z"),
  );
});

Deno.test("SimpleTrigger does not drift over a million fire times", () => {
  const trigger = new SimpleTrigger(100);
  let time = START;
  for (let i = 0; i < 1_000_000; i++) time = trigger.nextFireTime(time)!;
  assertEquals(time.getTime() - START.getTime(), 100_000_000);
});

Deno.test("SimpleTrigger skips missed fire times and stays in the series", () => {
  const trigger = new SimpleTrigger(1000);
  const at = (ms: number) => new Date(START.getTime() + ms);
  assertEquals(trigger.nextFireTimeAfter(START, at(0)), at(1000));
  assertEquals(trigger.nextFireTimeAfter(START, at(999)), at(1000));
  assertEquals(trigger.nextFireTimeAfter(START, at(1000)), at(2000));
  assertEquals(
    trigger.nextFireTimeAfter(START, at(86_400_000_500)),
    at(86_400_001_000),
  );
  assertEquals(trigger.nextFireTimeAfter(START, at(-500)), at(0));
});

Deno.test("SimpleTrigger ends where a Date ends", () => {
  const trigger = new SimpleTrigger(Number.MAX_SAFE_INTEGER);
  assertEquals(trigger.nextFireTime(START), undefined);
  const last = new Date(8.64e15);
  assertEquals(new SimpleTrigger(1).nextFireTimeAfter(START, last), undefined);
});

Deno.test("SimpleTrigger takes whole milliseconds, 1 or more, and nothing else", () => {
  assertEquals(new SimpleTrigger(1).intervalMs, 1);
  for (const bad of [0, -1, 0.5, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(
      () => new SimpleTrigger(bad),
      RangeError,
      `Cannot use ${bad} as`,
    );
  }
  for (const bad of ["5", null, undefined]) {
    assertThrows(() => new SimpleTrigger(bad as unknown as number), RangeError);
  }
});

Deno.test("SimpleTrigger refuses an invalid date", () => {
  const trigger = new SimpleTrigger(1);
  const invalid = new Date(NaN);
  assertThrows(
    () => trigger.nextFireTime(invalid),
    RangeError,
    "an invalid Date",
  );
  assertThrows(() => trigger.nextFireTimeAfter(START, invalid), RangeError);
  assertThrows(() => trigger.nextFireTimeAfter(invalid, START), RangeError);
});
