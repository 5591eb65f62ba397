import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { CronExpressionError } from "../../src/api/errors.ts";
import { CronTrigger } from "../../triggers/cron_trigger.ts";
import {
  cronExpressions,
  NaiveClock,
  type NaiveCron,
} from "../helpers/naive_cron.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SEED = 20260101;

/** Changes of the clocks, each by its zone and the hour (UTC) that it falls in. */
const CHANGES: [timeZone: string, at: string, what: string][] = [
  ["America/New_York", "2026-03-08T07:00Z", "an hour forward"],
  ["America/New_York", "2026-11-01T06:00Z", "an hour back"],
  ["Europe/Lisbon", "2026-03-29T01:00Z", "an hour forward"],
  ["Australia/Lord_Howe", "2026-10-03T15:00Z", "half an hour forward"],
  ["Australia/Lord_Howe", "2026-04-04T15:00Z", "half an hour back"],
  ["Pacific/Chatham", "2026-09-26T14:00Z", "an hour forward at 02:45"],
  ["Pacific/Chatham", "2026-04-04T14:00Z", "an hour back at 03:45"],
  ["Antarctica/Troll", "2026-03-29T01:00Z", "two hours forward"],
  ["Antarctica/Troll", "2026-10-25T01:00Z", "two hours back"],
  ["America/Sao_Paulo", "2018-11-04T03:00Z", "forward at midnight"],
  ["America/Sao_Paulo", "2018-02-18T02:00Z", "back at midnight"],
  ["Asia/Pyongyang", "2018-05-04T15:00Z", "forward, to midnight"],
  ["America/Caracas", "2016-05-01T07:00Z", "half an hour forward, for good"],
  ["Africa/Monrovia", "1972-01-07T00:44Z", "44 minutes and 30 seconds forward"],
  ["Pacific/Apia", "2011-12-30T10:00Z", "a whole day forward"],
  ["Pacific/Kwajalein", "1993-08-21T12:00Z", "a whole day forward"],
  ["Pacific/Kwajalein", "1969-09-30T13:00Z", "23 hours back"],
];

/** Expressions that prefer the hours and the days around an instant. */
function expressionsAround(instant: number): fc.Arbitrary<NaiveCron> {
  return cronExpressions(
    fc.oneof(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 23 }),
      fc.constant(23),
    ),
    fc.integer({ min: -2, max: 2 })
      .map((days) => new Date(instant + days * DAY_MS)),
  );
}

/** The trigger of an expression, unless its dates never come. */
function triggerOf({ text }: NaiveCron, timeZone: string) {
  try {
    return new CronTrigger(text, { timeZone });
  } catch (error) {
    if (!(error instanceof CronExpressionError)) throw error;
    assert(error.reason.startsWith("never comes"), error.message);
    return undefined;
  }
}

for (const [timeZone, at, what] of CHANGES) {
  Deno.test(`${timeZone}, ${at}: fires as a walk along the clock says (${what})`, () => {
    const change = new Date(at).getTime();
    const [from, to] = [change - 2 * DAY_MS, change + 3 * DAY_MS];
    const stepMs = timeZone === "Africa/Monrovia" ? 30_000 : 60_000;
    const clock = new NaiveClock(timeZone, from - 2 * DAY_MS, to, stepMs);
    const property = fc.property(
      expressionsAround(change),
      fc.integer({ min: from, max: to }),
      (cron, start) => {
        const trigger = triggerOf(cron, timeZone);
        if (trigger === undefined) return;
        const wanted = clock.fireTimes(cron)
          .filter((time) => time > start).slice(0, 60);
        const found = trigger.nextFireTimes(new Date(start), wanted.length + 1)
          .map((time) => time.getTime());
        assertEquals(found.slice(0, wanted.length), wanted);
        const more = found[wanted.length];
        if (wanted.length < 60) assert(more === undefined || more > to);
      },
    );
    fc.assert(property, { seed: SEED, numRuns: 60 });
  });
}

Deno.test("fires on the days that a walk along the calendar finds", () => {
  const property = fc.property(
    cronExpressions(
      fc.integer({ min: 0, max: 23 }),
      fc.date({
        min: new Date("2026-01-01"),
        max: new Date("2027-12-31"),
        noInvalidDate: true,
      }),
    ),
    fc.integer({ min: Date.UTC(1999, 0), max: Date.UTC(2096, 0) }),
    (cron, start) => {
      const trigger = triggerOf(cron, "UTC");
      const next = trigger?.nextFireTime(new Date(start))?.getTime() ??
        Infinity;
      if (next < Infinity) assert(cron.matches(new Date(next)));
      // Every minute of the first two days, then every day at the time found.
      const minute = Math.floor(start / 60_000 + 1) * 60_000;
      for (let time = minute; time < start + 2 * DAY_MS; time += 60_000) {
        if (time >= next) return;
        assert(!cron.matches(new Date(time)), new Date(time).toISOString());
      }
      const days = Math.min(next, start + 3000 * DAY_MS);
      const timeOfDay = next < Infinity ? next % DAY_MS : 0;
      for (
        let day = Math.floor(start / DAY_MS) + 1;
        day * DAY_MS < days;
        day++
      ) {
        const time = day * DAY_MS + timeOfDay;
        assert(time >= next || !cron.matches(new Date(time)));
      }
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 300 });
});

Deno.test("fires in the years that a walk through them finds, up to 9999", () => {
  const property = fc.property(
    cronExpressions(
      fc.integer({ min: 0, max: 23 }),
      fc.date({
        min: new Date("2026-01-01"),
        max: new Date("2028-12-31"),
        noInvalidDate: true,
      }),
      fc.integer({ min: 2020, max: 2060 }),
    ),
    fc.oneof(
      fc.integer({ min: Date.UTC(1969, 0), max: Date.UTC(2060, 0) }),
      fc.integer({ min: Date.UTC(1969, 0), max: Date.UTC(10_000, 0) }),
    ),
    (cron, start) => {
      const today = Math.floor(start / DAY_MS);
      const next = triggerOf(cron, "UTC")
        ?.nextFireTime(new Date(today * DAY_MS - 1));
      if (next !== undefined) assert(cron.matches(next), next.toISOString());
      assertEquals(
        next && Math.floor(next.getTime() / DAY_MS),
        firstDayFrom(today, cron),
      );
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 200 });
});

/** Walks from day to day, counted from 1970, and passes over other years. */
function firstDayFrom(day: number, cron: NaiveCron): number | undefined {
  let date = new Date(day * DAY_MS);
  while (date.getUTCFullYear() <= 9999) {
    const year = date.getUTCFullYear();
    if (!cron.matchesYear(year)) {
      date = new Date(Date.UTC(year + 1, 0));
      continue;
    }
    if (cron.matchesDate(date)) return date.getTime() / DAY_MS;
    date = new Date(date.getTime() + DAY_MS);
  }
  return undefined;
}

const anyZone = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
const anyInstant = fc.integer({
  min: Date.UTC(1890, 0),
  max: Date.UTC(2150, 0),
});
const anyCron = cronExpressions(
  fc.integer({ min: 0, max: 23 }),
  fc.date({
    min: new Date("2026-01-01"),
    max: new Date("2027-12-31"),
    noInvalidDate: true,
  }),
);

Deno.test("fire times grow, and resuming anywhere before one finds it again", () => {
  const property = fc.property(
    anyCron,
    anyZone,
    anyInstant,
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    (cron, timeZone, start, part) => {
      const trigger = triggerOf(cron, timeZone);
      if (trigger === undefined) return;
      let time = start;
      for (let i = 0; i < 8; i++) {
        const next = trigger.nextFireTime(new Date(time))!.getTime();
        assert(next > time);
        const between = time + Math.floor((next - time) * part);
        const resumed = triggerOf(cron, timeZone)!;
        assertEquals(resumed.nextFireTime(new Date(between))!.getTime(), next);
        time = next;
      }
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 400 });
});

Deno.test("a fire time far ahead is found from wherever the search starts", () => {
  const rare = fc.tuple(
    fc.integer({ min: 0, max: 23 }),
    fc.constantFrom("29 2", "31 7", "1 1", "L 3", "L 10", "LW 6", "1W 11"),
  ).map(([hour, date]) => `30 ${hour} ${date} *`);
  const property = fc.property(
    rare,
    anyZone,
    anyInstant,
    (text, timeZone, start) => {
      const trigger = new CronTrigger(text, { timeZone });
      const next = trigger.nextFireTime(new Date(start))!;
      for (let time = start; time < next.getTime(); time += 1.5 * DAY_MS) {
        const resumed = new CronTrigger(text, { timeZone });
        assertEquals(resumed.nextFireTime(new Date(time)), next);
      }
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 60 });
});

Deno.test("answers depend on nothing but the expression, the zone and the instant", () => {
  const property = fc.property(
    anyCron,
    anyZone,
    anyInstant,
    fc.array(
      fc.oneof(
        fc.constant(0),
        fc.integer({ min: -3_000, max: 3_000 }),
        fc.integer({ min: -3 * DAY_MS, max: 3 * DAY_MS }),
        fc.integer({ min: -100 * 365 * DAY_MS, max: 100 * 365 * DAY_MS }),
      ),
      { minLength: 2, maxLength: 8 },
    ),
    (cron, timeZone, around, distances) => {
      const instants = distances.map((distance) => around + distance);
      const used = triggerOf(cron, timeZone);
      if (used === undefined) return;
      const ask = (trigger: CronTrigger, instant: number) =>
        trigger.nextFireTime(new Date(instant));
      const forth = instants.map((instant) => ask(used, instant));
      const back = instants.toReversed().map((instant) => ask(used, instant));
      const fresh = instants.map((instant) =>
        ask(triggerOf(cron, timeZone)!, instant)
      );
      assertEquals(back.toReversed(), forth);
      assertEquals(fresh, forth);
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 100 });
});

Deno.test("a preview is what asking again and again finds", () => {
  const property = fc.property(
    anyCron,
    anyZone,
    anyInstant,
    (cron, timeZone, start) => {
      const trigger = triggerOf(cron, timeZone);
      if (trigger === undefined) return;
      const asked: Date[] = [];
      let last = new Date(start);
      for (let i = 0; i < 10; i++) {
        last = triggerOf(cron, timeZone)!.nextFireTime(last)!;
        asked.push(last);
      }
      assertEquals(trigger.nextFireTimes(new Date(start), 10), asked);
    },
  );
  fc.assert(property, { seed: SEED, numRuns: 60 });
});

Deno.test("whatever text is given, it is read or refused with a CronExpressionError", () => {
  const piece = fc.constantFrom(
    ..."* ? / - , # @ L W MON JAN 0 1 5 7 31 60 99 2026 9999 every TZ= . + é ５"
      .split(" "),
    " ",
    "\n",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join("")),
    fc.array(
      fc.array(piece, { minLength: 1, maxLength: 4 }).map((parts) =>
        parts.join("")
      ),
      { minLength: 5, maxLength: 7 },
    ).map((fields) => fields.join(" ")),
  );
  const property = fc.property(text, (expression) => {
    try {
      new CronTrigger(expression).nextFireTime(new Date("2026-01-01"));
    } catch (error) {
      assert(error instanceof CronExpressionError, `${error}`);
    }
  });
  fc.assert(property, { seed: SEED, numRuns: 3000 });
});
