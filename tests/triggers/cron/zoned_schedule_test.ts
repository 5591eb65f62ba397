import { assert, assertEquals, assertLess } from "@std/assert";
import { parseCronExpression } from "../../../triggers/cron/expression.ts";
import { WallClock } from "../../../triggers/cron/wall_clock.ts";
import { WallSchedule } from "../../../triggers/cron/wall_schedule.ts";
import { nextInZone } from "../../../triggers/cron/zoned_schedule.ts";

/** Counts how often it is asked. */
class CountingSchedule extends WallSchedule {
  searches = 0;

  override after(time: number) {
    this.searches++;
    return super.after(time);
  }
}

function countingSchedule(expression: string): CountingSchedule {
  const { schedule } = parseCronExpression(expression);
  assert("fields" in schedule);
  return new CountingSchedule(schedule.fields);
}

/** The instant after another at which an expression fires in New York. */
function next(expression: string, after: string): string | undefined {
  const time = nextInZone(
    countingSchedule(expression),
    WallClock.of("America/New_York"),
    new Date(after).getTime(),
  );
  return time === undefined ? undefined : new Date(time).toISOString();
}

Deno.test("the instant of a change belongs to the new offset", () => {
  // 2026-03-08T07:00Z: 02:00 becomes 03:00.
  assertEquals(
    next("0 3 8 3 *", "2026-03-08T06:59:59.999Z"),
    "2026-03-08T07:00:00.000Z",
  );
  assertEquals(
    next("0 3 8 3 *", "2026-03-08T07:00:00Z"),
    "2027-03-08T08:00:00.000Z",
  );
  // 2026-11-01T06:00Z: 02:00 becomes 01:00.
  assertEquals(
    next("0 2 1 11 *", "2026-11-01T05:59:59.999Z"),
    "2026-11-01T07:00:00.000Z",
  );
  assertEquals(
    next("0 * 1 11 *", "2026-11-01T05:59:59.999Z"),
    "2026-11-01T06:00:00.000Z",
  );
});

Deno.test("the same skipped time is moved for fixed hours and dropped for wild ones", () => {
  const before = "2026-03-08T00:00-05:00";
  assertEquals(next("30 2 8 3 *", before), "2026-03-08T07:30:00.000Z");
  assertEquals(next("30 2/24 8 3 *", before), "2026-03-08T07:30:00.000Z");
  assertEquals(
    next("30 */2 8 3 *", "2026-03-08T01:00-05:00"),
    "2026-03-08T08:30:00.000Z",
  );
});

Deno.test("a schedule that ends has no next instant, also beside a change", () => {
  assertEquals(
    next("0 0 2 8 3 ? 2026", "2026-03-07T12:00Z"),
    "2026-03-08T07:00:00.000Z",
  );
  for (
    const after of [
      "2026-03-08T07:00Z",
      "2026-10-31T12:00Z",
      "2050-01-01T00:00Z",
    ]
  ) {
    assertEquals(next("0 0 2 8 3 ? 2026", after), undefined);
  }
});

Deno.test("a schedule that has ended is not searched any further", () => {
  const ended = countingSchedule("0 0 2 8 3 ? 2026");
  const clock = WallClock.of("America/New_York");
  assertEquals(nextInZone(ended, clock, Date.UTC(2050, 0)), undefined);
  assertEquals(ended.searches, 1);
});

Deno.test("a schedule that its zone always skips ends instead of searching on", () => {
  // Beirut skips midnight on the last Sunday of March, every year.
  const never = countingSchedule("0 */24 * 3 SUNL");
  const clock = WallClock.of("Asia/Beirut");
  assertEquals(nextInZone(never, clock, Date.UTC(2026, 0)), undefined);
  assertLess(never.searches, 500);
});
