import { assertEquals, assertThrows } from "@std/assert";
import type { Misfire } from "../../../src/api/scheduler.ts";
import { nextFireTime } from "../../../src/core/misfire.ts";
import type { Trigger } from "../../../src/api/trigger.ts";
import { CronTrigger } from "../../../triggers/cron_trigger.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";

const PREV = new Date("2020-01-01T00:00:00Z");
const YEARS_LATER = new Date("2026-07-08T09:10:11.500Z");

function next(
  trigger: Trigger,
  now: Date,
  misfire: Misfire,
  misfireThresholdMs = 60_000,
): Date | undefined {
  return nextFireTime(trigger, PREV, now, { misfire, misfireThresholdMs });
}

function after(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

Deno.test("a punctual task goes on one interval later under every policy", () => {
  const trigger = new SimpleTrigger(10_000);
  for (const misfire of ["fireOnce", "skip", "catchUp"] as const) {
    assertEquals(next(trigger, after(PREV, 50), misfire), after(PREV, 10_000));
    assertEquals(next(trigger, PREV, misfire), after(PREV, 10_000));
    // The process may believe that it is earlier than it is.
    assertEquals(next(trigger, after(PREV, -5), misfire), after(PREV, 10_000));
  }
});

Deno.test("fireOnce goes on in the future, in the same series", () => {
  const trigger = new SimpleTrigger(10_000);
  assertEquals(
    next(trigger, after(PREV, 25_000), "fireOnce"),
    after(PREV, 30_000),
  );
  assertEquals(
    next(trigger, after(PREV, 30_000), "fireOnce"),
    after(PREV, 40_000),
  );
});

Deno.test("skip goes on with the first fire time within its threshold", () => {
  const trigger = new SimpleTrigger(10_000);
  const now = after(PREV, 105_000);
  assertEquals(next(trigger, now, "skip", 60_000), after(PREV, 50_000));
  assertEquals(next(trigger, now, "skip", 0), after(PREV, 110_000));
  assertEquals(next(trigger, now, "skip", 1_000_000), after(PREV, 10_000));
});

Deno.test("catchUp goes on with each fire time", () => {
  const trigger = new SimpleTrigger(10_000);
  assertEquals(next(trigger, YEARS_LATER, "catchUp"), after(PREV, 10_000));
});

Deno.test("no policy walks through years of missed seconds", () => {
  const second = new CronTrigger("* * * * * *");
  let asked = 0;
  const counting = (trigger: Trigger): Trigger => ({
    nextFireTime(prev) {
      asked++;
      return trigger.nextFireTime(prev);
    },
    nextFireTimeAfter: trigger.nextFireTimeAfter && ((prev, after) => {
      asked++;
      return trigger.nextFireTimeAfter!(prev, after);
    }),
  });
  for (const trigger of [second, new SimpleTrigger(1_000)]) {
    assertEquals(
      next(counting(trigger), YEARS_LATER, "fireOnce"),
      new Date("2026-07-08T09:10:12Z"),
    );
    assertEquals(
      next(counting(trigger), YEARS_LATER, "skip"),
      new Date("2026-07-08T09:09:12Z"),
    );
  }
  assertEquals(asked, 4);
});

Deno.test("a trigger that has finished has no next fire time", () => {
  const finished: Trigger = { nextFireTime: () => undefined };
  for (const misfire of ["fireOnce", "skip", "catchUp"] as const) {
    assertEquals(next(finished, YEARS_LATER, misfire), undefined);
  }
});

Deno.test("what is no later date is refused, with the trigger at fault", () => {
  const now = after(PREV, 5);
  const faults: [unknown, string][] = [
    [new Date(NaN), "an invalid Date"],
    [after(PREV, -1), "2019-12-31T23:59:59.999Z"],
    [PREV, "2020-01-01T00:00:00.000Z"],
    [now, "2020-01-01T00:00:00.005Z"],
    [new Date(8e15), "+255479-"],
    [null, "null"],
    [after(PREV, 10).getTime(), "1577836800010"],
    ["2030-01-01", '"2030-01-01"'],
  ];
  for (const [answer, shown] of faults) {
    assertThrows(
      () => next({ nextFireTime: () => answer as Date }, now, "fireOnce"),
      RangeError,
      `Cannot use ${shown}`,
    );
  }
});

Deno.test("a trigger may change the dates that it is given and has given", () => {
  const given: Date[] = [];
  const careless: Trigger = {
    nextFireTime(prev) {
      prev.setTime(prev.getTime() + 1_000);
      given.push(prev);
      return prev;
    },
  };
  const prev = new Date(PREV);
  const found = nextFireTime(careless, prev, PREV, {
    misfire: "catchUp",
    misfireThresholdMs: 0,
  });
  given[0].setTime(0);
  assertEquals([prev, found], [PREV, after(PREV, 1_000)]);
});
