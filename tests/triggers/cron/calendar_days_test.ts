import { assertEquals, assertLessOrEqual } from "@std/assert";
import {
  CalendarDays,
  type DayFields,
} from "../../../triggers/cron/calendar_days.ts";
import type { DayRule, MonthShape } from "../../../triggers/cron/days.ts";

const EVERY_MONTH = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const the29th: DayRule = ({ length }) => length >= 29 ? 1 << 28 : 0;
const firstSunday: DayRule = ({ firstWeekday }) => 1 << (7 - firstWeekday) % 7;

/** Finds the first day, from a date on, that fits some fields. */
function firstFrom(date: string, fields: Partial<DayFields>) {
  const days = new CalendarDays({
    months: EVERY_MONTH,
    years: undefined,
    daysOfMonth: undefined,
    daysOfWeek: undefined,
    ...fields,
  });
  const found = days.onOrAfter(Date.parse(date) / 86_400_000);
  return found === undefined
    ? undefined
    : new Date(found * 86_400_000).toISOString().slice(0, -14);
}

Deno.test("a day that fits is found, that day itself included", () => {
  assertEquals(firstFrom("2026-03-05", {}), "2026-03-05");
  assertEquals(firstFrom("2026-03-29", { daysOfMonth: the29th }), "2026-03-29");
  assertEquals(firstFrom("2026-03-30", { daysOfMonth: the29th }), "2026-04-29");
  assertEquals(firstFrom("2026-12-30", { daysOfMonth: the29th }), "2027-01-29");
  assertEquals(firstFrom("2026-03-31", { months: [2, 3] }), "2026-03-31");
  assertEquals(firstFrom("2026-04-01", { months: [2, 3] }), "2027-02-01");
});

Deno.test("if both day fields are restricted, either is enough", () => {
  const either = { daysOfMonth: the29th, daysOfWeek: firstSunday };
  assertEquals(firstFrom("2026-04-01", either), "2026-04-05");
  assertEquals(firstFrom("2026-04-06", either), "2026-04-29");
});

Deno.test("months have their weekday and length in any year that a Date can hold", () => {
  const seen = new Map<string, MonthShape>();
  for (
    const year of [
      "-271820",
      "-000401",
      "-000001",
      "0000",
      "0004",
      "0099",
      "1900",
      "1970",
      "2000",
      "2026",
      "2100",
      "9999",
      "+275759",
    ]
  ) {
    for (const month of EVERY_MONTH) {
      const first = `${year}-${String(month).padStart(2, "0")}-01`;
      const record: DayRule = (shape) => {
        seen.set(first, shape);
        return 0;
      };
      const years = [{
        first: new Date(first).getUTCFullYear(),
        last: new Date(first).getUTCFullYear(),
        step: 1,
      }];
      firstFrom(first, { months: [month], years, daysOfMonth: record });
      const date = new Date(first);
      const firstWeekday = date.getUTCDay();
      date.setUTCMonth(month, 0);
      assertEquals(
        seen.get(first),
        { length: date.getUTCDate(), firstWeekday },
        first,
      );
    }
  }
});

Deno.test("a century that is not a leap year is passed over", () => {
  const fields = { months: [2], daysOfMonth: the29th };
  assertEquals(firstFrom("1996-03-01", fields), "2000-02-29");
  assertEquals(firstFrom("2096-03-01", fields), "2104-02-29");
});

Deno.test("years are found however far away, and end with the last of them", () => {
  const years = [{ first: 2027, last: 9999, step: 7 }];
  assertEquals(firstFrom("-012345-06-15", { years }), "2027-01-01");
  assertEquals(firstFrom("2027-12-31", { years }), "2027-12-31");
  assertEquals(firstFrom("2028-01-01", { years }), "2034-01-01");
  assertEquals(firstFrom("9994-01-01", { years }), undefined);
  const lastYear = [{ first: 9999, last: 9999, step: 1 }];
  assertEquals(
    firstFrom("1970-01-01", { years: lastYear, months: [12] }),
    "9999-12-01",
  );
});

Deno.test("a search through thousands of years looks at each kind of month once", () => {
  let looks = 0;
  const never: DayRule = () => {
    looks++;
    return 0;
  };
  const years = [{ first: 1970, last: 9999, step: 1 }];
  assertEquals(
    firstFrom("1970-01-01", { years, daysOfMonth: never }),
    undefined,
  );
  assertLessOrEqual(looks, 14 * 12); // leap or not, with each weekday first
});
