import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  checkDelay,
  checkDuration,
  checkName,
  checkWhen,
} from "../../../src/core/validate.ts";

Deno.test("names of 1 to 255 characters are fine", () => {
  for (const name of ["a", " ", "x".repeat(255), "🎉", "a/b", "\n", "'"]) {
    checkName("slug", name);
    checkName("kind", name);
  }
});

Deno.test("names that are no strings are a TypeError", () => {
  for (const name of [undefined, null, 1, {}, Symbol("s"), new Date(NaN)]) {
    assertThrows(() => checkName("slug", name), TypeError);
  }
  assertThrows(
    () => checkName("kind", undefined),
    TypeError,
    "Cannot use undefined as a kind: expected a string",
  );
});

Deno.test("names that no store could keep are a RangeError", () => {
  const faults: [string, string][] = [
    ["", "at least one character"],
    ["x".repeat(256), "256 characters; expected at most 255"],
    ["a\0", "NUL"],
    ["\uD800", "lone surrogate"],
    ["\uDC00a", "lone surrogate"],
  ];
  for (const [name, reason] of faults) {
    const { message } = assertThrows(() => checkName("slug", name), RangeError);
    assertStringIncludes(message, reason);
    assertEquals(message.length < 200, true, "does not flood the log");
  }
});

Deno.test("dates from 1970 to 9999 are fine", () => {
  for (const iso of ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"]) {
    assertEquals(checkWhen("a", new Date(iso)), new Date(iso));
  }
});

Deno.test("dates that some store could not keep are a RangeError", () => {
  const faults: [unknown, string][] = [
    [new Date(NaN), 'Cannot schedule "a" at an invalid Date: '],
    [new Date(-1), "at 1969-12-31T23:59:59.999Z: expected a year"],
    [new Date(8.64e15), "at +275760-09-13T00:00:00.000Z: expected a year"],
    [1_700_000_000_000, "at 1700000000000: expected a valid Date"],
    ["2026-01-01", 'at "2026-01-01": expected a valid Date'],
    [null, "at null: expected a valid Date"],
  ];
  for (const [when, message] of faults) {
    assertThrows(() => checkWhen("a", when), RangeError, message);
  }
});

Deno.test("delays from 0 to the year 10000 are fine", () => {
  const now = Date.UTC(2026, 0);
  for (const delayMs of [0, 0.5, 80 * 86_400_000, 2 ** 40]) {
    assertEquals(checkDelay("a", delayMs, now), delayMs);
  }
});

Deno.test("delays that are no delays are a RangeError", () => {
  const now = Date.UTC(2026, 0);
  const faults: [unknown, string][] = [
    [NaN, "delayMs NaN: expected a number"],
    [-1, "delayMs -1: expected a number"],
    ["5", 'delayMs "5": expected a number'],
    [null, "delayMs null"],
    [new Date(0), "delayMs 1970-01-01T00:00:00.000Z"],
    [5n, "delayMs 5"],
    [Infinity, "delayMs Infinity: expected a due time before the year 10000"],
    [8.64e15, "expected a due time before the year 10000"],
  ];
  for (const [delayMs, message] of faults) {
    assertThrows(() => checkDelay("a", delayMs, now), RangeError, message);
  }
});

Deno.test("durations outside their bounds are a RangeError", () => {
  checkDuration("leaseMs", 100, { min: 100 });
  checkDuration("leaseMs", 5, { min: 1, max: 5 });
  for (const value of [99, NaN, Infinity, "100", null, -100]) {
    assertThrows(
      () => checkDuration("leaseMs", value, { min: 100 }),
      RangeError,
      "Cannot use leaseMs",
    );
  }
  assertThrows(
    () => checkDuration("x", 6, { min: 1, max: 5 }),
    RangeError,
    "from 1 to 5",
  );
});
