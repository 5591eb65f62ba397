import { assertEquals } from "@std/assert";
import { CronTrigger } from "../../../triggers/cron_trigger.ts";

/** Asserts the first days, after the given one, on which an expression fires. */
function assertDays(expression: string, after: string, days: string) {
  const wanted = days.split(" ");
  const times = new CronTrigger(expression)
    .nextFireTimes(new Date(`${after}T23:59:59Z`), wanted.length);
  assertEquals(
    times.map((time) => time.toISOString().slice(0, 10)),
    wanted,
    `${expression} after ${after}`,
  );
}

// crontab(5) of Vixie cron: "if both fields are restricted (i.e., don't contain
// the "*" character), the command will be run when either field matches the
// current time". Here a field with a step is restricted too, as in POSIX, where
// only a bare asterisk leaves a field open.
Deno.test("day-of-month or day-of-week matches when both are restricted", () => {
  assertDays("0 0 13 * FRI", "2026-01-31", "2026-02-06 2026-02-13 2026-02-20");
  assertDays("0 0 13 * FRI", "2026-04-04", "2026-04-10 2026-04-13 2026-04-17");
  assertDays(
    "0 0 */15 * MON",
    "2026-01-31",
    "2026-02-01 2026-02-02 2026-02-09",
  );
  assertDays(
    "0 0 1-31 * MON",
    "2026-01-31",
    "2026-02-01 2026-02-02 2026-02-03",
  );
  assertDays("0 0 1 * */2", "2026-01-31", "2026-02-01 2026-02-03 2026-02-05");
  assertDays("0 0 L * MON#1", "2026-01-31", "2026-02-02 2026-02-28 2026-03-02");
});

Deno.test("a day field that is * or ? leaves it to the other field", () => {
  for (const open of ["*", "?"]) {
    assertDays(`0 0 13 * ${open}`, "2026-01-31", "2026-02-13 2026-03-13");
    assertDays(`0 0 ${open} * FRI`, "2026-01-31", "2026-02-06 2026-02-13");
  }
});

Deno.test("a month without the day is skipped", () => {
  assertDays("0 0 31 * *", "2026-01-31", "2026-03-31 2026-05-31 2026-07-31");
  assertDays("0 0 29 2 *", "2026-01-01", "2028-02-29 2032-02-29 2036-02-29");
  assertDays("0 0 29 2 *", "2096-02-29", "2104-02-29"); // 2100 is no leap year
});

// Quartz, CronTrigger tutorial: "L" is the last day of the month, "L-3" the
// third-to-last day of the month.
Deno.test("L is the last day of the month and L-n the nth before it", () => {
  assertDays("0 0 L * *", "2028-01-01", "2028-01-31 2028-02-29 2028-03-31");
  assertDays("0 0 L 2 *", "2026-01-01", "2026-02-28 2027-02-28 2028-02-29");
  assertDays("0 0 L-3 * *", "2026-01-01", "2026-01-28 2026-02-25 2026-03-28");
  assertDays("0 0 L-30 * *", "2026-01-01", "2026-03-01 2026-05-01 2026-07-01");
  assertDays("0 0 L-28 2 *", "2026-01-01", "2028-02-01 2032-02-01");
  assertDays(
    "0 0 15,L,L-1 * *",
    "2026-02-01",
    "2026-02-15 2026-02-27 2026-02-28",
  );
});

// Quartz: "the nearest weekday to the 15th"; "it will not 'jump' over the
// boundary of a month's days".
Deno.test("W is the nearest Monday to Friday of the same month", () => {
  assertDays("0 0 15W 5 *", "2026-01-01", "2026-05-15"); // a Friday
  assertDays("0 0 15W 8 *", "2026-01-01", "2026-08-14"); // the 15th is a Saturday
  assertDays("0 0 15W 2 *", "2026-01-01", "2026-02-16"); // the 15th is a Sunday
  assertDays("0 0 1W 8 *", "2026-01-01", "2026-08-03"); // the 1st is a Saturday
  assertDays("0 0 1W 2 *", "2026-01-01", "2026-02-02"); // the 1st is a Sunday
  assertDays("0 0 31W 5 *", "2026-01-01", "2026-05-29"); // the 31st is a Sunday
  assertDays("0 0 31W 10 *", "2026-01-01", "2026-10-30"); // the 31st is a Saturday
  assertDays("0 0 31W * *", "2026-01-31", "2026-03-31 2026-05-29 2026-07-31");
  assertDays("0 0 1W,15W 2 *", "2026-01-01", "2026-02-02 2026-02-16");
});

// Quartz: "'LW', which translates to 'last weekday of the month'".
Deno.test("LW is the last Monday to Friday of the month", () => {
  assertDays("0 0 LW * *", "2026-01-01", "2026-01-30 2026-02-27 2026-03-31");
  assertDays("0 0 LW 5 *", "2026-01-01", "2026-05-29"); // the 31st is a Sunday
});

// Quartz: "6L" or "FRIL" is "the last friday of the month"; "6#3" or "FRI#3"
// the third. Weekday numbers are those of Unix here.
Deno.test("FRIL is the last and FRI#3 the third Friday of the month", () => {
  assertDays("0 0 * * FRIL", "2026-01-01", "2026-01-30 2026-02-27 2026-03-27");
  assertDays("0 0 * * 5L", "2026-01-01", "2026-01-30 2026-02-27 2026-03-27");
  assertDays("0 0 * * 0L", "2026-01-01", "2026-01-25 2026-02-22 2026-03-29");
  assertDays("0 0 * * FRI#3", "2026-01-01", "2026-01-16 2026-02-20 2026-03-20");
  assertDays("0 0 * * MON#5", "2026-01-01", "2026-03-30 2026-06-29 2026-08-31");
  assertDays(
    "0 0 * * MON#1,FRI#3",
    "2026-01-01",
    "2026-01-05 2026-01-16 2026-02-02",
  );
  assertDays(
    "0 0 * * SATL,TUE",
    "2026-01-24",
    "2026-01-27 2026-01-31 2026-02-03",
  );
});

Deno.test("the year field ends the fire times", () => {
  assertDays("0 0 0 31 12 ? 2027-2028", "2026-01-01", "2027-12-31 2028-12-31");
  const trigger = new CronTrigger("0 0 0 31 12 ? 2027-2028");
  const last = new Date("2028-12-31T00:00:00Z");
  assertEquals(trigger.nextFireTime(last), undefined);
  assertEquals(trigger.nextFireTimes(new Date("2028-01-01"), 5), [last]);
  assertEquals(trigger.nextFireTimes(last, 5), []);
});

Deno.test("past years are found from instants before them", () => {
  const trigger = new CronTrigger("0 0 0 1 1 ? 1999");
  const then = new Date("1999-01-01T00:00:00Z");
  assertEquals(trigger.nextFireTime(new Date("1990-06-01")), then);
  assertEquals(trigger.nextFireTime(new Date("-012345-06-01")), then);
  assertEquals(trigger.nextFireTime(then), undefined);
});

Deno.test("the rarest days are found, decades ahead", () => {
  assertDays("0 0 ? 2 MON#5", "2072-02-29", "2112-02-29 2140-02-29");
  assertDays("0 0 0 LW 2 ? 2096", "1970-01-01", "2096-02-29");
  assertDays("0 0 0 L 12 ? 2099", "1970-01-01", "2099-12-31");
  assertDays("0 0 0 1 1 ? 1970,2099", "1969-01-01", "1970-01-01 2099-01-01");
  assertDays("0 0 29W 2 *", "2096-03-01", "2104-02-29");
  // no weekday lets a 29 February wait for more than 40 years
  for (let weekday = 0; weekday < 7; weekday++) {
    const rare = new CronTrigger(`0 0 * 2 ${weekday}#5`);
    let time = new Date("1995-01-01");
    while (time.getUTCFullYear() < 2400) {
      const next = rare.nextFireTime(time)!;
      const years = next.getUTCFullYear() - time.getUTCFullYear();
      assertEquals(years <= 40 && next.getUTCDate() === 29, true);
      time = next;
    }
  }
});

Deno.test("the first and the last days that a Date can hold are found", () => {
  for (const timeZone of ["UTC", "Asia/Tokyo", "America/New_York"]) {
    const trigger = new CronTrigger("* * 1-31 * SATL", { timeZone });
    const days = (time: Date) => Math.round(time.getTime() / 86_400_000);
    const first = trigger.nextFireTime(new Date(-8.64e15))!;
    assertEquals(days(first), days(new Date("-271820-01-01")));
    const end = new Date("+275759-12-31");
    assertEquals(days(trigger.nextFireTime(end)!), days(end));
    assertEquals(trigger.nextFireTime(new Date("+275760-01-02")), undefined);
    assertEquals(trigger.nextFireTime(new Date(8.64e15)), undefined);
  }
});
