import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  CronExpressionError,
  JobAlreadyRegisteredError,
  JobAlreadyScheduledError,
  JobNotFoundError,
  JobNotLockedError,
  PayloadError,
  SchedulerError,
  StoreUnusableError,
} from "../../../src/api/errors.ts";

Deno.test("each error is a SchedulerError and says its name", () => {
  const errors: Record<string, Error> = {
    SchedulerError: new SchedulerError("x"),
    JobNotFoundError: new JobNotFoundError("a"),
    JobNotLockedError: new JobNotLockedError("a", 1, "x"),
    JobAlreadyScheduledError: new JobAlreadyScheduledError(["a"]),
    JobAlreadyRegisteredError: new JobAlreadyRegisteredError("k"),
    PayloadError: new PayloadError("x"),
    StoreUnusableError: new StoreUnusableError("x"),
    CronExpressionError: new CronExpressionError("* *", undefined, "* *", "x"),
  };
  for (const [name, error] of Object.entries(errors)) {
    assertInstanceOf(error, SchedulerError);
    assertEquals([error.name, `${error}`.startsWith(`${name}: `)], [
      name,
      true,
    ]);
  }
});

Deno.test("errors carry what they are about", () => {
  assertEquals(new JobNotFoundError("a").slug, "a");
  const lost = new JobNotLockedError("a", 7, "it was deleted");
  assertEquals([lost.slug, lost.version], ["a", 7]);
  assertEquals(
    lost.message,
    'Lost the claim on "a" (version 7): it was deleted',
  );
  const taken = new JobAlreadyScheduledError(["a", "b"]);
  assertEquals(taken.slugs, ["a", "b"]);
  assertEquals(taken.message.startsWith('Cannot schedule "a", "b": '), true);
  const registered = new JobAlreadyRegisteredError("k");
  assertInstanceOf(registered, JobAlreadyScheduledError);
  assertEquals([registered.kind, registered.slugs], ["k", []]);
  const cron = new CronExpressionError("61 * * * *", "minute", "61", "too big");
  assertEquals(
    [cron.expression, cron.field, cron.value, cron.reason, cron.message],
    [
      "61 * * * *",
      "minute",
      "61",
      "too big",
      'Cannot parse cron expression "61 * * * *": minute "61": too big',
    ],
  );
});

Deno.test("no message ends in a period", () => {
  const errors = [
    new JobNotFoundError("a"),
    new JobAlreadyScheduledError(["a"]),
    new JobAlreadyRegisteredError("k"),
  ];
  for (const { message } of errors) assertEquals(message.at(-1) === ".", false);
});
