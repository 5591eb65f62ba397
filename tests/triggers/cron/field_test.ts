import { assertEquals, assertThrows } from "@std/assert";
import {
  CRON_FIELDS,
  parseCronField,
  parseCronItem,
  parseCronRanges,
} from "../../../triggers/cron/field.ts";

const { minute, month, dayOfWeek, year } = CRON_FIELDS;

function fail(value: string, reason: string): never {
  throw new Error(`${value}: ${reason}`);
}

Deno.test("a list comes out in order, each value once", () => {
  assertEquals(parseCronField(minute, "30,5,10-20/5,15,5", fail), [
    5,
    10,
    15,
    20,
    30,
  ]);
  assertEquals(parseCronField(month, "Dec,jan-mar/2", fail), [1, 3, 12]);
});

Deno.test("a single value with a step runs to the end of the field", () => {
  assertEquals(parseCronItem(minute, "50/5", fail), {
    first: 50,
    last: 59,
    step: 5,
  });
  assertEquals(parseCronItem(minute, "50", fail), {
    first: 50,
    last: 50,
    step: 1,
  });
  assertEquals(parseCronItem(dayOfWeek, "7/2", fail), {
    first: 0,
    last: 6,
    step: 2,
  });
});

Deno.test("a range may end with Sunday, by any of its names, but not start before it", () => {
  const friday = { first: 5, last: 7, step: 1 };
  for (const end of ["7", "0", "SUN"]) {
    assertEquals(parseCronItem(dayOfWeek, `FRI-${end}`, fail), friday);
  }
  assertEquals(parseCronItem(dayOfWeek, "SUN-TUE", fail), {
    first: 0,
    last: 2,
    step: 1,
  });
  assertThrows(
    () => parseCronItem(dayOfWeek, "7-TUE", fail),
    Error,
    "backwards",
  );
});

Deno.test("years are kept as ranges, and the same one is kept once", () => {
  const all = { first: 1970, last: 9999, step: 1 };
  assertEquals(parseCronRanges(year, "*,".repeat(900) + "*", fail), [all]);
  assertEquals(parseCronRanges(year, "2026/7,1999", fail), [
    { first: 2026, last: 9999, step: 7 },
    { first: 1999, last: 1999, step: 1 },
  ]);
});

Deno.test("a mistake is reported with what was expected in its place", () => {
  const cases: [typeof minute, string, string][] = [
    [minute, "60", "60: out of range, expected an integer from 0 to 59"],
    [
      minute,
      "0-60",
      '0-60: out of range, expected an integer from 0 to 59, got "60"',
    ],
    [minute, "x", "x: expected an integer from 0 to 59"],
    [minute, "5-x", '5-x: expected an integer from 0 to 59, got "x"'],
    [minute, "5-", "5-: a value is missing, expected an integer from 0 to 59"],
    [
      minute,
      "-5",
      "-5: signs are not allowed, expected an integer from 0 to 59",
    ],
    [
      minute,
      "*5",
      '*5: "*" is allowed only alone or before a step, expected an integer from 0 to 59',
    ],
    [minute, "?", '?: "?" is allowed only as a whole day field, expected "*"'],
    [minute, "*/61", '*/61: expected a step from 1 to 60, got "61"'],
    [minute, "*/5/5", "*/5/5: more than one step, expected one"],
    [
      minute,
      "9-5",
      "9-5: the range runs backwards, expected the lower value first",
    ],
    [
      minute,
      "1,,2",
      "1,,2: empty item in the list, expected a value beside each comma",
    ],
    [
      month,
      "x",
      "x: expected an integer from 1 to 12 or a name from JAN to DEC",
    ],
    [month, "june", "june: expected the three-letter name JUN"],
    [
      dayOfWeek,
      "8",
      "8: out of range, expected an integer from 0 to 7 or a name from SUN to SAT",
    ],
    [
      year,
      "10000",
      "10000: out of range, expected an integer from 1970 to 9999",
    ],
  ];
  for (const [spec, text, message] of cases) {
    const error = assertThrows(() => parseCronRanges(spec, text, fail), Error);
    assertEquals(error.message, message);
  }
});
