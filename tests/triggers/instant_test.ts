import { assertEquals, assertThrows } from "@std/assert";
import { dateOf, LAST_INSTANT_MS, timeOf } from "../../triggers/instant.ts";

Deno.test("an invalid date is refused by name", () => {
  assertEquals(timeOf(new Date(5)), 5);
  assertThrows(
    () => timeOf(new Date(NaN)),
    RangeError,
    "Cannot compute a fire time from an invalid Date: expected a valid Date",
  );
});

Deno.test("what a Date cannot hold is no date, instead of an invalid one", () => {
  assertEquals(
    dateOf(LAST_INSTANT_MS)?.toJSON(),
    "+275760-09-13T00:00:00.000Z",
  );
  assertEquals(dateOf(LAST_INSTANT_MS + 1), undefined);
  assertEquals(dateOf(undefined), undefined);
});
