import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  CronExpressionError,
  SchedulerError,
} from "../../../src/api/errors.ts";
import { CronTrigger } from "../../../triggers/cron_trigger.ts";

const NEW_YEAR = new Date("2026-01-01T00:00:00Z"); // a Thursday

/** The next fire times after an instant, to the second. */
function fireTimes(expression: string, count: number, after = NEW_YEAR) {
  return new CronTrigger(expression).nextFireTimes(after, count)
    .map((time) => time.toISOString().slice(0, 19));
}

/** Asserts that two expressions fire at the same times. */
function assertSame(expression: string, plain: string) {
  assertEquals(fireTimes(expression, 40), fireTimes(plain, 40), expression);
}

Deno.test("five fields start with the minute, six with the second, seven end with the year", () => {
  assertEquals(fireTimes("5 * * * *", 2), [
    "2026-01-01T00:05:00",
    "2026-01-01T01:05:00",
  ]);
  assertEquals(fireTimes("5 * * * * *", 2), [
    "2026-01-01T00:00:05",
    "2026-01-01T00:01:05",
  ]);
  assertEquals(fireTimes("5 0 0 1 1 ? 2027,2030", 9), [
    "2027-01-01T00:00:05",
    "2030-01-01T00:00:05",
  ]);
});

Deno.test("the expression of the README of the Go library fires every five seconds", () => {
  assertEquals(fireTimes("1/5 * * * * *", 3), [
    "2026-01-01T00:00:01",
    "2026-01-01T00:00:06",
    "2026-01-01T00:00:11",
  ]);
});

Deno.test("lists, ranges, steps and names stand for values", () => {
  const pairs = [
    // crontab(5): ranges, lists, steps
    ["*/15 * * * *", "0,15,30,45 * * * *"],
    ["5/15 * * * *", "5,20,35,50 * * * *"],
    ["10-20/5 * * * *", "10,15,20 * * * *"],
    ["1-10/20 * * * *", "1 * * * *"],
    ["*/60 * * * *", "0 * * * *"],
    ["5-5 * * * *", "5 * * * *"],
    ["0-59 * * * *", "* * * * *"],
    ["007 * * * *", "7 * * * *"],
    ["30,5,30,1-3,2-4 * * * *", "1,2,3,4,5,30 * * * *"],
    ["*,5 * * * *", "* * * * *"],
    ["0 8-18/2 * * *", "0 8,10,12,14,16,18 * * *"],
    // names, in any case
    ["0 0 1 JAN,jul,Dec *", "0 0 1 1,7,12 *"],
    ["0 0 1 feb-APR *", "0 0 1 2,3,4 *"],
    ["0 0 1 MAR/3 *", "0 0 1 3,6,9,12 *"],
    ["0 0 * * mon-Fri", "0 0 * * 1,2,3,4,5"],
    ["0 0 * * MON-FRI/2", "0 0 * * 1,3,5"],
    // Sunday is 0 and 7
    ["0 0 * * 7", "0 0 * * 0"],
    ["0 0 * * SUN", "0 0 * * 0"],
    ["0 0 * * 0,7", "0 0 * * 0"],
    ["0 0 * * FRI-SUN", "0 0 * * 0,5,6"],
    ["0 0 * * 5-7", "0 0 * * 0,5,6"],
    ["0 0 * * 5-0", "0 0 * * 0,5,6"],
    ["0 0 * * SUN-TUE", "0 0 * * 0,1,2"],
    ["0 0 * * SUN-SUN", "0 0 * * 0"],
    ["0 0 * * 7-7", "0 0 * * 0"],
    ["0 0 * * 0-7", "0 0 * * *"],
    ["0 0 * * 1/2", "0 0 * * 1,3,5"],
    ["0 0 * * 7/3", "0 0 * * 0,3,6"],
    ["0 0 * * */7", "0 0 * * 0"],
    ["0 0 * * 7L", "0 0 * * SUNL"],
    ["0 0 * * 7#2", "0 0 * * SUN#2"],
    ["0 0 * * fril", "0 0 * * 5L"],
    ["0 0 l * *", "0 0 L * *"],
    ["0 0 15w * *", "0 0 15W * *"],
    // Quartz: ? leaves a day field open
    ["0 0 ? * MON", "0 0 * * MON"],
    ["0 0 15 * ?", "0 0 15 * *"],
    ["0 0 ? * ?", "0 0 * * *"],
    // the year
    ["0 0 0 1 1 ? *", "0 0 1 1 *"],
    ["0 0 0 1 1 ? 2024/2", "0 0 0 1 1 ? 2024-9999/2"],
    // white space
    ["  0\t0  1 1 * ", "0 0 1 1 *"],
  ];
  for (const [expression, plain] of pairs) assertSame(expression, plain);
});

Deno.test("macros stand for expressions, in any case", () => {
  const pairs = [
    ["@yearly", "0 0 1 1 *"],
    ["@annually", "0 0 1 1 *"],
    ["@monthly", "0 0 1 * *"],
    ["@weekly", "0 0 * * SUN"],
    ["@daily", "0 0 * * *"],
    ["@midnight", "0 0 * * *"],
    ["@hourly", "0 * * * *"],
    ["@Daily", "0 0 * * *"],
    [" @HOURLY ", "0 * * * *"],
  ];
  for (const [macro, plain] of pairs) assertSame(macro, plain);
});

Deno.test("@every is elapsed time in the syntax of Go", () => {
  const cases: [string, number][] = [
    ["@every 1h30m", 5_400_000],
    ["@every 1.5h", 5_400_000],
    ["@every 1m1h", 3_660_000],
    ["@EVERY 10s", 10_000],
    ["@every   250ms", 250],
    ["@every 0.1s", 100],
    ["@every .5s", 500],
    ["@every 1.s", 1_000],
    ["@every 1s1ms", 1_001],
    ["@every 4.35s", 4_350],
    ["@every 2500us", -1],
    ["@every 2000us", 2],
    ["@every 2000µs", 2],
    ["@every 1000000ns", 1],
    ["@every 87600h", 315_360_000_000],
    ["TZ=Europe/Paris @every 1h", 3_600_000],
  ];
  for (const [expression, ms] of cases) {
    if (ms < 0) {
      assertThrows(() => new CronTrigger(expression), CronExpressionError);
      continue;
    }
    const next = new CronTrigger(expression).nextFireTime(NEW_YEAR)!;
    assertEquals(next.getTime() - NEW_YEAR.getTime(), ms, expression);
  }
});

Deno.test("@every skips missed fire times and stays in the series", () => {
  const trigger = new CronTrigger("@every 10s");
  assertEquals(
    trigger.nextFireTimeAfter(
      new Date("2026-01-01T00:00:03Z"),
      new Date("2026-07-01T00:00:00Z"),
    ),
    new Date("2026-07-01T00:00:03Z"),
  );
});

Deno.test("other expressions do not depend on the last fire time", () => {
  const after = new Date("2026-07-01T00:00:01Z");
  assertEquals(
    new CronTrigger("*/10 * * * * *").nextFireTimeAfter(NEW_YEAR, after),
    new Date("2026-07-01T00:00:10Z"),
  );
});

Deno.test("a prefix names the zone, and takes precedence over the option", () => {
  const tokyo = new Date("2026-01-01T09:00:00+09:00");
  const after = new Date("2025-12-31T12:00:00Z");
  for (const prefix of ["CRON_TZ", "TZ"]) {
    for (const options of [{}, { timeZone: "Europe/Paris" }]) {
      const expression = `${prefix}=Asia/Tokyo 0 9 * * *`;
      const trigger = new CronTrigger(expression, options);
      assertEquals(trigger.nextFireTime(after), tokyo);
      assertEquals(trigger.timeZone, "Asia/Tokyo");
      assertEquals(trigger.expression, expression);
    }
  }
  const trigger = new CronTrigger("0 9 * * *", { timeZone: "Asia/Tokyo" });
  assertEquals(trigger.nextFireTime(after), tokyo);
  assertEquals(new CronTrigger("TZ=Asia/Tokyo @daily").timeZone, "Asia/Tokyo");
});

Deno.test("the zone is UTC unless one is given", () => {
  assertEquals(new CronTrigger("0 9 * * *").timeZone, "UTC");
  assertEquals(new CronTrigger("0 9 * * *", {}).timeZone, "UTC");
});

Deno.test("what is not a cron expression is an error with field, value and reason", () => {
  const cases: [string, string | undefined, string, string][] = [
    // the number of fields
    ["", undefined, "", "got 0"],
    ["   ", undefined, "", "got 0"],
    ["TZ=UTC", undefined, "", "got 0"],
    ["*", undefined, "*", "got 1"],
    ["* * * *", undefined, "* * * *", "got 4"],
    ["* * * * * * * *", undefined, "* * * * * * * *", "got 8"],
    // out of range
    ["60 * * * *", "minute", "60", "0 to 59"],
    ["60 * * * * *", "second", "60", "0 to 59"],
    ["* 24 * * *", "hour", "24", "0 to 23"],
    ["* * 0 * *", "day-of-month", "0", "1 to 31"],
    ["* * 32 * *", "day-of-month", "32", "1 to 31"],
    ["* * * 0 *", "month", "0", "1 to 12"],
    ["* * * 13 *", "month", "13", "1 to 12"],
    ["* * * * 8", "day-of-week", "8", "0 to 7"],
    ["0 0 0 1 1 ? 1969", "year", "1969", "1970 to 9999"],
    ["0 0 0 1 1 ? 10000", "year", "10000", "1970 to 9999"],
    ["1,2,99 * * * *", "minute", "99", "0 to 59"],
    ["0-60 * * * *", "minute", "0-60", '0 to 59, got "60"'],
    ["99999999999999999999 * * * *", "minute", "99999999999999999999", "range"],
    // backwards
    ["30-10 * * * *", "minute", "30-10", "backwards"],
    ["* * * NOV-FEB *", "month", "NOV-FEB", "backwards"],
    ["* * * * FRI-MON", "day-of-week", "FRI-MON", "backwards"],
    ["* * * * 7-3", "day-of-week", "7-3", "backwards"],
    // empty
    [", * * * *", "minute", ",", "empty"],
    ["1,,2 * * * *", "minute", "1,,2", "empty"],
    ["1, * * * *", "minute", "1,", "empty"],
    ["1- * * * *", "minute", "1-", "missing"],
    ["/5 * * * *", "minute", "/5", "missing"],
    ["* * * * #2", "day-of-week", "#2", "missing"],
    ["* * W * *", "day-of-month", "W", "missing"],
    // steps
    ["*/0 * * * *", "minute", "*/0", 'got "0"'],
    ["*/61 * * * *", "minute", "*/61", "1 to 60"],
    ["* */25 * * *", "hour", "*/25", "1 to 24"],
    ["* * */32 * *", "day-of-month", "*/32", "1 to 31"],
    ["* * * */13 *", "month", "*/13", "1 to 12"],
    ["* * * * */8", "day-of-week", "*/8", "1 to 7"],
    ["*/ * * * *", "minute", "*/", 'got ""'],
    ["*/1.5 * * * *", "minute", "*/1.5", 'got "1.5"'],
    ["*/-1 * * * *", "minute", "*/-1", 'got "-1"'],
    ["*/5/5 * * * *", "minute", "*/5/5", "more than one step"],
    // digits
    ["+5 * * * *", "minute", "+5", "signs"],
    ["-5 * * * *", "minute", "-5", "signs"],
    ["５ * * * *", "minute", "５", "expected an integer"],
    ["٥ * * * *", "minute", "٥", "expected an integer"],
    ["0x5 * * * *", "minute", "0x5", "expected an integer"],
    ["1e1 * * * *", "minute", "1e1", "expected an integer"],
    ["5.0 * * * *", "minute", "5.0", "expected an integer"],
    // names
    ["* * * * MONDAY", "day-of-week", "MONDAY", "three-letter name MON"],
    ["* * * january *", "month", "january", "three-letter name JAN"],
    ["* * * * MO", "day-of-week", "MO", "expected an integer"],
    ["* * * MON *", "month", "MON", "JAN to DEC"],
    ["* MON * * *", "hour", "MON", "expected an integer"],
    // garbage
    ["a * * * *", "minute", "a", "expected an integer"],
    ["** * * * *", "minute", "**", "only alone"],
    ["*5 * * * *", "minute", "*5", "only alone"],
    ["5* * * * *", "minute", "5*", "only alone"],
    ["1-2-3 * * * *", "minute", "1-2-3", "expected an integer"],
    ["*-5 * * * *", "minute", "*-5", "only alone"],
    ["% * * * *", "minute", "%", "expected an integer"],
    ["H * * * *", "minute", "H", "expected an integer"],
    // ? and the letters where they are not allowed
    ["? * * * *", "minute", "?", "day field"],
    ["* ? * * *", "hour", "?", "day field"],
    ["* * * ? *", "month", "?", "day field"],
    ["* * ?,5 * *", "day-of-month", "?", "day field"],
    ["* * ?/5 * *", "day-of-month", "?/5", "day field"],
    ["* * ?W * *", "day-of-month", "?W", "day field"],
    ["L * * * *", "minute", "L", "expected an integer"],
    ["* * * * L", "day-of-week", "L", "FRIL or 5L"],
    ["* * 5L * *", "day-of-month", "5L", "expected an integer"],
    ["* * L-0 * *", "day-of-month", "L-0", "L-1 to L-30"],
    ["* * L-31 * *", "day-of-month", "L-31", "L-1 to L-30"],
    ["* * L-x * *", "day-of-month", "L-x", "L-1 to L-30"],
    ["* * L-3W * *", "day-of-month", "L-3W", "L-1 to L-30"],
    ["* * L3 * *", "day-of-month", "L3", "expected an integer"],
    ["* * 1-5W * *", "day-of-month", "1-5W", "single day"],
    ["* * 32W * *", "day-of-month", "32W", "1 to 31"],
    ["* * MON#2 * *", "day-of-month", "MON#2", "expected an integer"],
    ["* * * * 15W", "day-of-week", "15W", "expected an integer"],
    ["* * * * 8L", "day-of-week", "8L", "0 to 7"],
    ["* * * * 1-5L", "day-of-week", "1-5L", "expected an integer"],
    ["* * * * MON#0", "day-of-week", "MON#0", "MON#1 to MON#5"],
    ["* * * * MON#6", "day-of-week", "MON#6", "MON#1 to MON#5"],
    ["* * * * MON#", "day-of-week", "MON#", "MON#1 to MON#5"],
    ["* * * * MON#1#2", "day-of-week", "MON#1#2", "MON#1 to MON#5"],
    // macros
    ["@reboot", "macro", "@reboot", "unknown"],
    ["@every5m", "macro", "@every5m", "unknown"],
    ["@daily 5", "macro", "@daily 5", "unknown"],
    ["@constructor", "macro", "@constructor", "unknown"],
    ["@every", "@every", "", "expected a duration"],
    ["@every 5", "@every", "5", "expected a duration"],
    ["@every 5x", "@every", "5x", "expected a duration"],
    ["@every 1H", "@every", "1H", "expected a duration"],
    ["@every 1h 30m", "@every", "1h 30m", "expected a duration"],
    ["@every -5m", "@every", "-5m", "expected a duration"],
    ["@every +5m", "@every", "+5m", "expected a duration"],
    ["@every .s", "@every", ".s", "expected a duration"],
    ["@every 0s", "@every", "0s", "zero"],
    ["@every 0.0h", "@every", "0.0h", "zero"],
    ["@every 0.5ms", "@every", "0.5ms", "millisecond"],
    ["@every 999us", "@every", "999us", "millisecond"],
    ["@every 1s1ns", "@every", "1s1ns", "millisecond"],
    ["@every 99999999999h", "@every", "99999999999h", "too long"],
    // zones
    ["TZ=Mars/Olympus * * * * *", "time zone", "Mars/Olympus", "unknown"],
    ["CRON_TZ= * * * * *", "time zone", "", "unknown"],
    ["TZ=Local * * * * *", "time zone", "Local", "unknown"],
    ["tz=UTC * * * * *", "second", "tz=UTC", "expected an integer"],
    // dates that never come
    ["0 0 30 2 *", "day-of-month", "30", 'never comes in month "2"'],
    ["0 0 31 4,6,9,11 *", "day-of-month", "31", "never comes"],
    ["0 0 30-31 FEB ?", "day-of-month", "30-31", "never comes"],
    ["0 0 30W 2 *", "day-of-month", "30W", "never comes"],
    ["0 0 L-29 2 *", "day-of-month", "L-29", "never comes"],
    ["0 0 L-30 6 *", "day-of-month", "L-30", "never comes"],
    ["0 0 0 29 2 ? 2025-2027", "day-of-month", "29", 'year "2025-2027"'],
    ["0 0 0 ? 2 MON#5 2026", "day-of-week", "MON#5", 'year "2026"'],
  ];
  for (const [expression, field, value, reason] of cases) {
    const error = assertThrows(
      () => new CronTrigger(expression),
      CronExpressionError,
      `Cannot parse cron expression "${expression}": `,
      expression,
    );
    assertEquals([error.field, error.value], [field, value], expression);
    assertStringIncludes(error.reason, reason);
    assertStringIncludes(error.message, error.reason);
    assertEquals(error.expression, expression);
    assertEquals(error instanceof SchedulerError, true);
    assertEquals(error.message.endsWith("."), false);
  }
});

Deno.test("an expression that is absurdly long is refused without being repeated", () => {
  const error = assertThrows(
    () => new CronTrigger("1,".repeat(100_000) + "1 * * * *"),
    CronExpressionError,
    "expected at most 2000 characters, got 200009",
  );
  assertEquals(error.message.length < 300, true);
});

Deno.test("an unknown zone is an error, even if a prefix takes precedence", () => {
  for (const expression of ["* * * * *", "TZ=UTC * * * * *"]) {
    for (const timeZone of ["Mars/Olympus", "", " ", "Europe/Lisbon "]) {
      const error = assertThrows(
        () => new CronTrigger(expression, { timeZone }),
        CronExpressionError,
        `time zone "${timeZone}": unknown`,
      );
      assertEquals([error.field, error.value], ["time zone", timeZone]);
    }
  }
});

Deno.test("anything but a string is a TypeError", () => {
  for (const bad of [undefined, null, 5, {}] as unknown[] as string[]) {
    assertThrows(() => new CronTrigger(bad), TypeError, "cron expression");
  }
  for (const bad of [null, 5, {}] as unknown[] as string[]) {
    assertThrows(
      () => new CronTrigger("* * * * *", { timeZone: bad }),
      TypeError,
      "time zone",
    );
  }
});
