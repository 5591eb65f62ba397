import { assertEquals, assertThrows } from "@std/assert";
import { CronTrigger } from "../../triggers/cron_trigger.ts";

Deno.test("fire times are strictly after the given instant", () => {
  const trigger = new CronTrigger("*/5 * * * * *");
  const next = (text: string) => trigger.nextFireTime(new Date(text))!.toJSON();
  assertEquals(next("2026-01-01T00:00:04.999Z"), "2026-01-01T00:00:05.000Z");
  assertEquals(next("2026-01-01T00:00:05.000Z"), "2026-01-01T00:00:10.000Z");
  assertEquals(next("2026-01-01T00:00:05.001Z"), "2026-01-01T00:00:10.000Z");
  assertEquals(next("1969-12-31T23:59:59.999Z"), "1970-01-01T00:00:00.000Z");
  assertEquals(next("1901-12-13T20:45:51.001Z"), "1901-12-13T20:45:55.000Z");
});

Deno.test("asking again from before, between and after gives the same answers", () => {
  const trigger = new CronTrigger("0 9 * * *");
  const next = (text: string) => trigger.nextFireTime(new Date(text))!.toJSON();
  assertEquals(next("2026-01-05T12:00:00Z"), "2026-01-06T09:00:00.000Z");
  assertEquals(next("2026-01-05T12:00:00Z"), "2026-01-06T09:00:00.000Z");
  assertEquals(next("2026-01-06T08:59:59.999Z"), "2026-01-06T09:00:00.000Z");
  assertEquals(next("2026-01-05T08:59:59.999Z"), "2026-01-05T09:00:00.000Z");
  assertEquals(next("2026-01-05T09:00:00Z"), "2026-01-06T09:00:00.000Z");
  assertEquals(next("2026-01-06T09:00:00Z"), "2026-01-07T09:00:00.000Z");
});

Deno.test("a fire time that its owner changes does not change the next answer", () => {
  const trigger = new CronTrigger("0 9 * * *");
  const now = new Date("2026-01-05T12:00:00Z");
  trigger.nextFireTime(now)!.setTime(0);
  assertEquals(trigger.nextFireTime(now), new Date("2026-01-06T09:00:00Z"));
});

Deno.test("the first delay is the time to the first fire time", () => {
  const trigger = new CronTrigger("0 0 1 1 *");
  const now = new Date("2026-12-31T23:59:58.500Z");
  assertEquals(trigger.firstDelayMs(now), 1500);
  const delayMs = new CronTrigger("* * * * * *").firstDelayMs();
  assertEquals(delayMs > 0 && delayMs <= 1000, true);
  assertThrows(
    () => new CronTrigger("0 0 0 1 1 ? 1999").firstDelayMs(now),
    RangeError,
    'Cannot compute the first delay of "0 0 0 1 1 ? 1999": ' +
      "no fire time after 2026-12-31T23:59:58.500Z, expected a later year",
  );
});

Deno.test("invalid dates and counts are RangeErrors", () => {
  const invalid = new Date(NaN);
  for (const expression of ["* * * * *", "@every 5s"]) {
    const trigger = new CronTrigger(expression);
    const now = new Date("2026-01-01");
    const attempts = [
      () => trigger.nextFireTime(invalid),
      () => trigger.nextFireTimeAfter(now, invalid),
      () => trigger.nextFireTimes(invalid, 1),
      () => trigger.firstDelayMs(invalid),
      () => trigger.nextFireTimes(now, -1),
      () => trigger.nextFireTimes(now, 1.5),
      () => trigger.nextFireTimes(now, NaN),
      () => trigger.nextFireTimes(now, Infinity),
    ];
    for (const attempt of attempts) assertThrows(attempt, RangeError);
    assertEquals(trigger.nextFireTimes(now, 0), []);
  }
});
