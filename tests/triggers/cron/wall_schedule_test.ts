import { assert, assertEquals } from "@std/assert";
import { parseCronExpression } from "../../../triggers/cron/expression.ts";
import { WallSchedule } from "../../../triggers/cron/wall_schedule.ts";

function scheduleOf(expression: string): WallSchedule {
  const { schedule } = parseCronExpression(expression);
  assert("fields" in schedule);
  return new WallSchedule(schedule.fields);
}

/** The wall-clock time after another; without a zone, as on the wall. */
function after(schedule: WallSchedule, time: string): string | undefined {
  const next = schedule.after(Date.parse(`${time}Z`));
  return next === undefined
    ? undefined
    : new Date(next).toISOString().slice(0, 19);
}

Deno.test("the next time is on the same day until the last one has passed", () => {
  const schedule = scheduleOf("30,45 9,17 * * MON-FRI");
  const cases = [
    ["2026-01-05T00:00:00", "2026-01-05T09:30:00"], // a Monday
    ["2026-01-05T09:29:59.999", "2026-01-05T09:30:00"],
    ["2026-01-05T09:30:00", "2026-01-05T09:45:00"],
    ["2026-01-05T09:45:00", "2026-01-05T17:30:00"],
    ["2026-01-05T17:44:59.999", "2026-01-05T17:45:00"],
    ["2026-01-05T17:45:00", "2026-01-06T09:30:00"],
    ["2026-01-09T17:45:00", "2026-01-12T09:30:00"], // over the weekend
    ["2026-01-10T12:00:00", "2026-01-12T09:30:00"],
    ["1969-12-31T09:31:00", "1969-12-31T09:45:00"],
  ];
  for (const [time, next] of cases) {
    assertEquals(after(schedule, time), next, time);
  }
});

Deno.test("answers do not depend on those before", () => {
  const times = [
    "2026-01-05T10:07:00",
    "2026-01-05T10:10:00",
    "2026-01-05T10:07:00",
    "1999-01-01T00:00:01",
    "2026-01-05T10:10:00",
  ];
  const used = scheduleOf("*/10 * * * *");
  for (const time of times) {
    assertEquals(
      after(used, time),
      after(scheduleOf("*/10 * * * *"), time),
      time,
    );
  }
});

Deno.test("no time comes after the last year", () => {
  const schedule = scheduleOf("0 0,30 12 31 12 ? 9999");
  assertEquals(after(schedule, "2026-01-01T00:00:00"), "9999-12-31T12:00:00");
  assertEquals(after(schedule, "9999-12-31T12:00:00"), "9999-12-31T12:30:00");
  assertEquals(after(schedule, "9999-12-31T12:30:00"), undefined);
});

Deno.test("the hours are wild if they are *, * with a step, or all of them", () => {
  for (const hour of ["*", "*/1", "*/4", "0-23", "0-11,12-23", "0/1"]) {
    assertEquals(scheduleOf(`0 ${hour} * * *`).hoursAreWild, true, hour);
  }
  for (const hour of ["0", "0-22", "0/4", "0-23/4", "*/4,5"]) {
    assertEquals(scheduleOf(`0 ${hour} * * *`).hoursAreWild, false, hour);
  }
});
