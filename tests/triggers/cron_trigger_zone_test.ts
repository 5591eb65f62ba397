import { assertEquals } from "@std/assert";
import { CronTrigger } from "../../triggers/cron_trigger.ts";
import { WallClock } from "../../triggers/cron/wall_clock.ts";

/** Asserts the first instants, after the given one, at which something fires. */
function assertFires(
  expression: string,
  timeZone: string,
  after: string,
  instants: string,
) {
  const wanted = instants.split(" ").map((text) =>
    new Date(text).toISOString()
  );
  const trigger = new CronTrigger(expression, { timeZone });
  const times = trigger.nextFireTimes(new Date(after), wanted.length);
  assertEquals(
    times.map((time) => time.toISOString()),
    wanted,
    `${expression} in ${timeZone} after ${after}`,
  );
}

const NEW_YORK = "America/New_York"; // 2026: 8 March 02:00 to 03:00, 1 November 02:00 to 01:00
const LORD_HOWE = "Australia/Lord_Howe"; // 2026: 5 April 02:00 to 01:30, 4 October 02:00 to 02:30
const CHATHAM = "Pacific/Chatham"; // 2026: 5 April 03:45 to 02:45, 27 September 02:45 to 03:45

Deno.test("a fixed hour that the clocks skip fires once, later by the gap", () => {
  assertFires(
    "30 2 * * *",
    NEW_YORK,
    "2026-03-07T12:00-05:00",
    "2026-03-08T03:30-04:00 2026-03-09T02:30-04:00",
  );
  assertFires(
    "0 2 * * *",
    NEW_YORK,
    "2026-03-08T00:00-05:00",
    "2026-03-08T03:00-04:00 2026-03-09T02:00-04:00",
  );
  assertFires(
    "15 2 * * *",
    LORD_HOWE,
    "2026-10-03T12:00+10:30",
    "2026-10-04T02:45+11:00 2026-10-05T02:15+11:00",
  );
  assertFires(
    "0 3 * * *",
    CHATHAM,
    "2026-09-26T12:00+12:45",
    "2026-09-27T04:00+13:45 2026-09-28T03:00+13:45",
  );
});

Deno.test("a skipped time is merged with another fire time that it meets", () => {
  assertFires(
    "30 2,3 * * *",
    NEW_YORK,
    "2026-03-08T00:00-05:00",
    "2026-03-08T03:30-04:00 2026-03-09T02:30-04:00",
  );
  assertFires(
    "*/20 2 * * *",
    LORD_HOWE,
    "2026-10-04T00:00+10:30",
    // 02:00, 02:20 and 02:40, of which the first two become 02:30 and 02:50
    "2026-10-04T02:30+11:00 2026-10-04T02:40+11:00 2026-10-04T02:50+11:00 2026-10-05T02:00+11:00",
  );
});

Deno.test("fire times that were moved come in order with those that were not", () => {
  assertFires(
    "15,45 2,3 * * *",
    NEW_YORK,
    "2026-03-08T03:15-04:00",
    "2026-03-08T03:45-04:00 2026-03-09T02:15-04:00",
  );
  assertFires(
    "0,30 2-4 * * *",
    CHATHAM,
    "2026-09-27T02:00+12:45",
    "2026-09-27T02:30+12:45 2026-09-27T04:00+13:45 2026-09-27T04:30+13:45 2026-09-28T02:00+13:45",
  );
});

Deno.test("a fixed hour that comes twice fires the first time", () => {
  assertFires(
    "30 1 * * *",
    NEW_YORK,
    "2026-10-31T12:00-04:00",
    "2026-11-01T01:30-04:00 2026-11-02T01:30-05:00",
  );
  assertFires(
    "45 1 * * *",
    LORD_HOWE,
    "2026-04-05T00:00+11:00",
    "2026-04-05T01:45+11:00 2026-04-06T01:45+10:30",
  );
  assertFires(
    "0 3 * * *",
    CHATHAM,
    "2026-04-05T00:00+13:45",
    "2026-04-05T03:00+13:45 2026-04-06T03:00+12:45",
  );
});

Deno.test("a fixed hour that comes twice is not repeated when resumed in between", () => {
  for (
    const between of [
      "2026-11-01T01:30-04:00",
      "2026-11-01T01:45-04:00",
      "2026-11-01T00:59:59-05:00",
      "2026-11-01T01:00-05:00",
      "2026-11-01T01:15-05:00",
      "2026-11-01T01:30-05:00",
    ]
  ) {
    assertFires("30 1 * * *", NEW_YORK, between, "2026-11-02T01:30-05:00");
  }
  assertFires(
    "*/30 1,2 * * *",
    NEW_YORK,
    "2026-11-01T01:30-04:00",
    "2026-11-01T02:00-05:00 2026-11-01T02:30-05:00 2026-11-02T01:00-05:00",
  );
});

Deno.test("a wildcard hour follows real time", () => {
  for (const hour of ["*", "*/1", "0-23", "0-11,12-23"]) {
    assertFires(
      `30 ${hour} * * *`,
      NEW_YORK,
      "2026-03-08T01:00-05:00",
      "2026-03-08T01:30-05:00 2026-03-08T03:30-04:00 2026-03-08T04:30-04:00",
    );
    assertFires(
      `30 ${hour} * * *`,
      NEW_YORK,
      "2026-11-01T01:00-04:00",
      "2026-11-01T01:30-04:00 2026-11-01T01:30-05:00 2026-11-01T02:30-05:00",
    );
  }
  assertFires(
    "0 */2 * * *",
    NEW_YORK,
    "2026-03-08T00:00-05:00",
    "2026-03-08T04:00-04:00 2026-03-08T06:00-04:00",
  );
  assertFires(
    "15 */1 * * *",
    LORD_HOWE,
    "2026-10-04T01:00+10:30",
    "2026-10-04T01:15+10:30 2026-10-04T03:15+11:00",
  );
  assertFires(
    "45 * * * *",
    LORD_HOWE,
    "2026-04-05T01:00+11:00",
    "2026-04-05T01:45+11:00 2026-04-05T01:45+10:30 2026-04-05T02:45+10:30",
  );
  assertFires(
    "0 * * * *",
    CHATHAM,
    "2026-04-05T02:30+13:45",
    "2026-04-05T03:00+13:45 2026-04-05T03:00+12:45 2026-04-05T04:00+12:45",
  );
});

Deno.test("hours that are as many but not wild are fixed", () => {
  assertFires(
    "0 0/2 * * *",
    NEW_YORK,
    "2026-03-08T00:00-05:00",
    "2026-03-08T03:00-04:00 2026-03-08T04:00-04:00",
  );
  assertFires(
    "30 1-23 * * *",
    NEW_YORK,
    "2026-11-01T01:30-04:00",
    "2026-11-01T02:30-05:00",
  );
});

Deno.test("macros follow the rule of their hour field", () => {
  assertFires(
    "@hourly",
    NEW_YORK,
    "2026-11-01T00:30-04:00",
    "2026-11-01T01:00-04:00 2026-11-01T01:00-05:00 2026-11-01T02:00-05:00",
  );
  assertFires(
    "@daily",
    "Africa/Cairo", // 24 April 2026: 00:00 to 01:00
    "2026-04-23T12:00+02:00",
    "2026-04-24T01:00+03:00 2026-04-25T00:00+03:00",
  );
});

Deno.test("@every is elapsed time through a change of the clocks", () => {
  assertFires(
    "@every 1h",
    NEW_YORK,
    "2026-03-08T01:30-05:00",
    "2026-03-08T03:30-04:00 2026-03-08T04:30-04:00",
  );
});

Deno.test("a gap across midnight moves a fire time into the next day", () => {
  // 2018-05-04: Pyongyang went from 23:30 to 24:00.
  assertFires(
    "45 23 4 5 *",
    "Asia/Pyongyang",
    "2018-05-04T12:00+08:30",
    "2018-05-05T00:15+09:00 2019-05-04T23:45+09:00",
  );
  // 2018-11-04: Sao Paulo went from 00:00 to 01:00.
  assertFires(
    "30 0 4 11 *",
    "America/Sao_Paulo",
    "2018-11-01T00:00-03:00",
    "2018-11-04T01:30-02:00 2019-11-04T00:30-03:00",
  );
  // 2022-03-22: Tehran went from 00:00 to 01:00.
  assertFires(
    "0 0 * * *",
    "Asia/Tehran",
    "2022-03-21T12:00+03:30",
    "2022-03-22T01:00+04:30 2022-03-23T00:00+04:30",
  );
});

Deno.test("an overlap across midnight fires once for a fixed hour", () => {
  // 2018-02-18: Sao Paulo went from 00:00 back to 23:00 of the 17th.
  assertFires(
    "30 23 * * *",
    "America/Sao_Paulo",
    "2018-02-17T12:00-02:00",
    "2018-02-17T23:30-02:00 2018-02-18T23:30-03:00",
  );
  assertFires(
    "0 0 * * *",
    "America/Sao_Paulo",
    "2018-02-17T12:00-02:00",
    "2018-02-18T00:00-03:00 2018-02-19T00:00-03:00",
  );
});

Deno.test("a gap of two hours moves fire times by two hours", () => {
  assertFires(
    "30 1,2,3 29 3 *",
    "Antarctica/Troll", // 29 March 2026: 01:00 to 03:00
    "2026-03-29T00:00+00:00",
    "2026-03-29T03:30+02:00 2026-03-29T04:30+02:00 2027-03-29T01:30+02:00",
  );
});

Deno.test("a lost day moves its fire times by a day, merged with those of the next", () => {
  // Apia went from the end of 29 December 2011 to the start of the 31st.
  assertFires(
    "0 12 * * *",
    "Pacific/Apia",
    "2011-12-29T00:00-10:00",
    "2011-12-29T12:00-10:00 2011-12-31T12:00+14:00 2012-01-01T12:00+14:00",
  );
  assertFires(
    "0 12 30 12 *",
    "Pacific/Apia",
    "2011-12-29T00:00-10:00",
    "2011-12-31T12:00+14:00 2012-12-30T12:00+14:00",
  );
  assertFires(
    "0 6 30,31 12 ?",
    "Pacific/Apia",
    "2011-12-29T00:00-10:00",
    "2011-12-31T06:00+14:00 2012-12-30T06:00+14:00",
  );
  assertFires(
    "0 */6 30 12 ?",
    "Pacific/Apia",
    "2011-12-29T00:00-10:00",
    "2012-12-30T00:00+14:00",
  );
  // Kwajalein lost 21 August 1993.
  assertFires(
    "0 12 * * SAT",
    "Pacific/Kwajalein",
    "1993-08-19T00:00-12:00",
    "1993-08-22T12:00+12:00 1993-08-28T12:00+12:00",
  );
});

Deno.test("a day that comes twice fires once for a fixed hour, twice for a wildcard", () => {
  // 1969-10-01: Kwajalein went from 00:00 back to 01:00 of 30 September.
  assertFires(
    "0 12 * * *",
    "Pacific/Kwajalein",
    "1969-09-30T06:00+11:00",
    "1969-09-30T12:00+11:00 1969-10-01T12:00-12:00",
  );
  assertFires(
    "0 */12 * * *",
    "Pacific/Kwajalein",
    "1969-09-30T06:00+11:00",
    "1969-09-30T12:00+11:00 1969-09-30T12:00-12:00 1969-10-01T00:00-12:00",
  );
});

Deno.test("old offsets with seconds are exact", () => {
  // Monrovia was 44 minutes and 30 seconds behind until 7 January 1972.
  assertFires(
    "0 12 * * *",
    "Africa/Monrovia",
    "1972-01-05T00:00:00Z",
    "1972-01-05T12:44:30Z 1972-01-06T12:44:30Z 1972-01-07T12:00:00Z",
  );
  assertFires(
    "30 0 * * *",
    "Africa/Monrovia",
    "1972-01-06T12:00:00Z",
    "1972-01-07T01:14:30Z 1972-01-08T00:30:00Z",
  );
  assertFires(
    "0 0 1 1 *",
    "Europe/Amsterdam",
    "1899-06-01T00:00:00Z",
    new Date(
      Date.UTC(1900, 0, 1) -
        WallClock.of("Europe/Amsterdam").stretchAt(Date.UTC(1900, 0, 1)).offset,
    ).toISOString(),
  );
});

Deno.test("zones without changes and zones by offset work too", () => {
  assertFires(
    "0 9 * * *",
    "Asia/Kolkata",
    "2026-01-01T00:00Z",
    "2026-01-01T03:30Z",
  );
  assertFires(
    "0 9 * * *",
    "Etc/GMT+5",
    "2026-01-01T00:00Z",
    "2026-01-01T14:00Z",
  );
  assertFires(
    "0 9 * * *",
    "asia/tokyo",
    "2026-01-01T00:00Z",
    "2026-01-02T00:00Z",
  );
});

Deno.test("a fire time in another season is found at the offset that is then in force", () => {
  assertFires(
    "0 12 1 7 *",
    NEW_YORK,
    "2026-01-15T00:00-05:00",
    "2026-07-01T12:00-04:00 2027-07-01T12:00-04:00",
  );
  assertFires(
    "0 0 1 1 *",
    NEW_YORK,
    "2026-07-01T00:00-04:00",
    "2027-01-01T00:00-05:00 2028-01-01T00:00-05:00",
  );
});

Deno.test("a rare day is found across many changes of the clocks", () => {
  assertFires(
    "0 30 2 L 3 ? 2097",
    "Europe/Berlin", // 31 March 2097 is the day of the change
    "1970-01-01T00:00Z",
    "2097-03-31T01:30Z",
  );
});
