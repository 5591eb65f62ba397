import {
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { SchedulerError } from "../../src/api/errors.ts";
import { CronTrigger } from "../../triggers/cron_trigger.ts";
import { restoreTrigger, storeTrigger } from "../../triggers/codec.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";

Deno.test("a stored trigger comes back with the same stored form and fire times", () => {
  const now = new Date("2026-03-28T12:34:56Z");
  const triggers = [
    new SimpleTrigger(1500),
    new CronTrigger("1/5 * * * * *"),
    new CronTrigger("30 2 * * *", { timeZone: "Europe/Paris" }),
    new CronTrigger("CRON_TZ=Asia/Tokyo 0 9 * * MON", {
      timeZone: "Europe/Paris",
    }),
    new CronTrigger("@every 1h30m"),
  ];
  for (const trigger of triggers) {
    const stored = storeTrigger(trigger);
    assertEquals(stored, JSON.stringify(trigger));
    const restored = restoreTrigger(stored);
    assertEquals(storeTrigger(restored), stored);
    assertEquals(restored.nextFireTime(now), trigger.nextFireTime(now));
    assertEquals(restored.constructor, trigger.constructor);
  }
});

Deno.test("the stored forms are what stores already hold", () => {
  assertEquals(
    storeTrigger(new CronTrigger("0 9 * * *", { timeZone: "Asia/Tokyo" })),
    '{"type":"cron","expression":"0 9 * * *","timeZone":"Asia/Tokyo"}',
  );
  assertEquals(
    storeTrigger(new SimpleTrigger(5)),
    '{"type":"simple","intervalMs":5}',
  );
});

Deno.test("restoreTrigger says what is wrong with a stored form", () => {
  const cases = [
    ["", "JSON"],
    ["{", "JSON"],
    ["null", "its type is undefined"],
    ['"cron"', "its type is undefined"],
    ['{"type":"moon"}', 'its type is "moon"; "cron" or "simple" is right'],
    ['{"type":"simple"}', '"undefined"'],
    ['{"type":"simple","intervalMs":"5"}', '"5"'],
    ['{"type":"simple","intervalMs":0}', '"0"'],
    ['{"type":"cron"}', '"undefined"'],
    ['{"type":"cron","expression":"61 * * * *"}', 'minute "61"'],
    ['{"type":"cron","expression":"* * * * *","timeZone":"Mars"}', '"Mars"'],
    ['{"type":"cron","expression":"* * * * *","timeZone":7}', '"7"'],
  ];
  for (const [stored, reason] of cases) {
    const error = assertThrows(() => restoreTrigger(stored), SchedulerError);
    assertStringIncludes(error.message, "Cannot restore the trigger");
    assertStringIncludes(error.message, reason);
    assertInstanceOf(error.cause, Error);
  }
});

Deno.test("storeTrigger refuses triggers that would not come back", () => {
  class Lunar {
    nextFireTime = (prev: Date) => new Date(prev.getTime() + 1);
  }
  class Solar extends Lunar {
    toJSON = () => ({ type: "solar" });
  }
  for (const trigger of [new Lunar(), new Solar()]) {
    assertThrows(
      () => storeTrigger(trigger),
      TypeError,
      `Cannot store the trigger "${trigger.constructor.name}": ` +
        "only CronTrigger and SimpleTrigger can be stored; " +
        "register it with registerJob instead",
    );
  }
});
