import { assertEquals, assertStringIncludes } from "@std/assert";
import * as fc from "fast-check";
import type { Backoff } from "../../../src/api/backoff.ts";
import { FixedBackoff } from "../../../src/core/backoff.ts";
import {
  decide,
  isMissed,
  type Outcome,
  release,
  type RunPolicy,
} from "../../../src/core/decide.ts";
import type { NextState } from "../../../src/api/job_store.ts";
import type { TaskRecord } from "../../../src/api/task.ts";
import type { Trigger } from "../../../src/api/trigger.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { at } from "../../helpers/stage.ts";

const NOW = at(1_000);

const done: Outcome = { type: "done", payload: undefined, result: "fine" };
const failed: Outcome = { type: "failed", message: "oh no" };

function task(fields: Partial<TaskRecord> = {}): TaskRecord {
  return {
    slug: "a",
    kind: "work",
    payload: new Uint8Array([1]),
    trigger: undefined,
    when: at(0),
    scheduledFor: at(0),
    version: 5,
    retry: 0,
    result: "before",
    status: "running",
    leaseEnd: at(30_000),
    ...fields,
  };
}

function policy(fields: Partial<RunPolicy> = {}): RunPolicy {
  return {
    trigger: undefined,
    backoff: new FixedBackoff([5_000]),
    misfire: "fireOnce",
    misfireThresholdMs: 60_000,
    ...fields,
  };
}

const recurring = policy({ trigger: new SimpleTrigger(10_000) });

function scheduled(fields: Partial<NextState>): NextState {
  return {
    status: "scheduled",
    when: at(0),
    scheduledFor: at(0),
    retry: 0,
    result: "before",
    payload: undefined,
    ...fields,
  };
}

Deno.test("a one-off that is done is done for good", () => {
  assertEquals(decide(task(), done, policy(), NOW), undefined);
  assertEquals(decide(task({ retry: 3 }), done, policy(), NOW), undefined);
});

Deno.test("a recurring task that is done goes on at its next fire time", () => {
  const payload = new Uint8Array([2]);
  assertEquals(
    decide(task({ retry: 3 }), { ...done, payload }, recurring, NOW),
    scheduled({
      when: at(10_000),
      scheduledFor: at(10_000),
      result: "fine",
      payload,
    }),
  );
});

Deno.test("the next fire time hangs on the last one, not on the retry or now", () => {
  const late = task({ when: at(7_777), scheduledFor: at(3), retry: 1 });
  assertEquals(decide(late, done, recurring, at(8_000))?.when, at(10_003));
});

Deno.test("a job that answers null removes even a recurring task", () => {
  assertEquals(decide(task(), { type: "removed" }, recurring, NOW), undefined);
});

Deno.test("a trigger that has finished ends the task", () => {
  const finished = policy({ trigger: { nextFireTime: () => undefined } });
  assertEquals(decide(task(), done, finished, NOW), undefined);
});

Deno.test("a run that fails comes back when the backoff says", () => {
  for (const one of [policy(), recurring]) {
    assertEquals(
      decide(task(), failed, one, NOW),
      scheduled({ when: at(6_000), retry: 1, result: "oh no" }),
    );
  }
});

Deno.test("the backoff hears of the run, the number of failures and the time", () => {
  const heard: unknown[] = [];
  const backoff: Backoff = {
    nextRetryTime: (...args) => {
      heard.push(...args);
      return at(9_000);
    },
  };
  const again = task({ when: at(500), retry: 4 });
  assertEquals(
    decide(again, failed, policy({ backoff }), NOW),
    scheduled({ when: at(9_000), retry: 5, result: "oh no" }),
  );
  assertEquals(heard, [at(500), 5, NOW]);
});

Deno.test("a one-off stays as failed when the backoff gives up", () => {
  assertEquals(
    decide(task({ retry: 1, when: at(6_000) }), failed, policy(), NOW),
    scheduled({
      status: "failed",
      when: at(6_000),
      retry: 2,
      result: "oh no",
    }),
  );
});

Deno.test("a recurring task goes on when the backoff gives up", () => {
  assertEquals(
    decide(task({ retry: 1 }), failed, recurring, NOW),
    scheduled({ when: at(10_000), scheduledFor: at(10_000), result: "oh no" }),
  );
});

Deno.test("a task whose trigger has finished stays as failed, not dropped", () => {
  const last = policy({
    trigger: { nextFireTime: () => undefined },
    backoff: new FixedBackoff([]),
  });
  assertEquals(
    decide(task(), failed, last, NOW),
    scheduled({ status: "failed", retry: 1, result: "oh no" }),
  );
});

Deno.test("a released task is as it was before it was claimed", () => {
  const before = task({ when: at(500), retry: 2 });
  const after = scheduled({ when: at(500), retry: 2 });
  assertEquals(decide(before, { type: "released" }, recurring, NOW), after);
  assertEquals(release(before), after);
});

Deno.test("a skipped task keeps its result and goes on", () => {
  const skip = policy({
    misfire: "skip",
    trigger: new SimpleTrigger(10_000),
  });
  assertEquals(
    decide(task(), { type: "skipped" }, skip, at(100_000)),
    scheduled({ when: at(50_000), scheduledFor: at(50_000) }),
  );
});

Deno.test("only skip misses what is later than its threshold", () => {
  const trigger = new SimpleTrigger(10_000);
  const skip = policy({ trigger, misfire: "skip" });
  assertEquals(isMissed(task(), skip, at(60_000)), false);
  assertEquals(isMissed(task(), skip, at(60_001)), true);
  const fireOnce = policy({ trigger });
  assertEquals(isMissed(task(), fireOnce, at(60_001)), false);
  const catchUp = policy({ trigger, misfire: "catchUp" });
  assertEquals(isMissed(task(), catchUp, at(60_001)), false);
});

Deno.test("skip never misses a one-off or a retry", () => {
  const trigger = new SimpleTrigger(10_000);
  const late = at(1e9);
  assertEquals(isMissed(task(), policy({ misfire: "skip" }), late), false);
  const skip = policy({ trigger, misfire: "skip" });
  assertEquals(isMissed(task({ retry: 1 }), skip, late), false);
});

Deno.test("a trigger that fails after a good run parks the task, with the reason", () => {
  const faults: [Trigger, string][] = [
    [{ nextFireTime: () => new Date(NaN) }, "an invalid Date"],
    [{ nextFireTime: (prev) => prev }, "expected a later Date"],
    [
      {
        nextFireTime() {
          throw new Error("no calendar");
        },
      },
      "no calendar",
    ],
    [
      new SimpleTrigger(Number.MAX_SAFE_INTEGER - 2e15),
      "before the year 10000",
    ],
  ];
  const payload = new Uint8Array([2]);
  for (const [trigger, reason] of faults) {
    const next = decide(task(), { ...done, payload }, policy({ trigger }), NOW);
    assertEquals({ ...next, result: "" }, {
      ...scheduled({ status: "failed", result: "", payload }),
    });
    assertStringIncludes(next!.result, `Trigger failed: `);
    assertStringIncludes(next!.result, reason);
  }
});

Deno.test("a backoff that fails parks the task, with both reasons", () => {
  const answers: unknown[] = [new Date(NaN), new Date(8e15), null, 5];
  for (const answer of answers) {
    const backoff = { nextRetryTime: () => answer as Date };
    const next = decide(task(), failed, policy({ backoff }), NOW);
    assertEquals([next?.status, next?.retry], ["failed", 1]);
    assertStringIncludes(next!.result, "oh no\nNo next run: Cannot retry at");
  }
  const backoff: Backoff = {
    nextRetryTime() {
      throw "broken";
    },
  };
  const next = decide(task(), failed, policy({ backoff }), NOW);
  assertEquals(next?.result, "oh no\nNo next run: broken");
});

Deno.test("a trigger that fails after the backoff gave up parks the task", () => {
  const trigger = { nextFireTime: () => new Date(NaN) };
  const backoff = new FixedBackoff([]);
  const next = decide(task(), failed, policy({ trigger, backoff }), NOW);
  assertEquals([next?.status, next?.retry], ["failed", 1]);
  assertStringIncludes(next!.result, "oh no\nNo next run: Cannot use");
});

Deno.test("whatever happens, decide never throws, changes nothing, and drops nothing that failed", () => {
  const dates = fc.oneof(
    fc.date({ noInvalidDate: false }),
    fc.constantFrom(undefined, null, 5, "x"),
  );
  const outcomes = fc.constantFrom<Outcome>(
    done,
    failed,
    { type: "released" },
    { type: "skipped" },
  );
  const misfires = fc.constantFrom("fireOnce", "skip", "catchUp");
  fc.assert(
    fc.property(
      outcomes,
      dates,
      dates,
      misfires,
      fc.nat(5),
      fc.integer({ min: 0, max: 4e12 }),
      (outcome, fire, again, misfire, retry, now) => {
        const before = task({ retry });
        const copy = structuredClone(before);
        const next = decide(before, outcome, {
          trigger: { nextFireTime: () => fire as Date },
          backoff: { nextRetryTime: () => again as Date },
          misfire,
          misfireThresholdMs: 60_000,
        }, new Date(now));
        assertEquals(before, copy);
        if (next === undefined) {
          assertEquals(fire, undefined);
          return assertEquals(["done", "skipped"].includes(outcome.type), true);
        }
        const year = next.when.getUTCFullYear();
        assertEquals(year >= 1970 && year <= 9999, true);
      },
    ),
  );
});
