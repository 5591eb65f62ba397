import { assertEquals } from "@std/assert";
import { lowestFrom, valuesOf } from "../../../triggers/cron/range.ts";

Deno.test("a range holds its first value and each step up to its last", () => {
  assertEquals(valuesOf({ first: 5, last: 5, step: 1 }), [5]);
  assertEquals(valuesOf({ first: 1, last: 7, step: 3 }), [1, 4, 7]);
  assertEquals(valuesOf({ first: 1, last: 6, step: 3 }), [1, 4]);
});

Deno.test("the lowest value from a number on is that of any range", () => {
  const ranges = [
    { first: 2030, last: 2040, step: 4 },
    { first: 2026, last: 9999, step: 7 },
    { first: 2031, last: 2031, step: 1 },
  ];
  const all = ranges.flatMap(valuesOf);
  for (
    const from of [0, 2026, 2027, 2030, 2031, 2032, 2034, 2035, 2041, 9992]
  ) {
    const lowest = Math.min(...all.filter((value) => value >= from));
    assertEquals(lowestFrom(ranges, from), lowest);
  }
  const last = Math.max(...all);
  assertEquals(lowestFrom(ranges, last), last);
  assertEquals(lowestFrom(ranges, last + 1), undefined);
  assertEquals(lowestFrom([], 0), undefined);
});
