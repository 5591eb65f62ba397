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
  unstorable,
} from "../../../src/core/decide.ts";
import type { NextState } from "../../../src/api/job_store.ts";
import type { TaskRecord } from "../../../src/api/task.ts";
import type { Trigger } from "../../../src/api/trigger.ts";
import { SimpleTrigger } from "../../../triggers/simple_trigger.ts";
import { at } from "../../helpers/stage.ts";
import { taskRecord } from "../../helpers/task_record.ts";

const STARTED = at(900);
const NOW = at(1_000);

const done: Outcome = { type: "done", payload: undefined, result: "fine" };
const failed: Outcome = { type: "failed", message: "oh no" };

function policy(fields: Partial<RunPolicy> = {}): RunPolicy {
  return {
    trigger: undefined,
    backoff: new FixedBackoff([5_000]),
    misfire: "fireOnce",
    misfireThresholdMs: 60_000,
    keepMs: 0,
    keepFailedMs: Infinity,
    ...fields,
  };
}

const recurring = policy({ trigger: new SimpleTrigger(10_000) });

type State = Omit<NextState, "lastRun" | "lastError">;

function scheduled(fields: Partial<State>): State {
  return {
    status: "scheduled",
    when: at(0),
    scheduledFor: at(0),
    retry: 0,
    crashes: 0,
    result: "before",
    payload: undefined,
    keepMs: Infinity,
    ...fields,
  };
}

/** What becomes of a task, apart from what is kept of its run. */
function decided(
  task: TaskRecord,
  outcome: Outcome,
  policy: RunPolicy,
  now: Date,
): State | undefined {
  const next = decide(task, outcome, policy, { startedAt: STARTED, now });
  if (next === undefined) return undefined;
  const { lastRun: _run, lastError: _error, ...others } = next;
  return others;
}

Deno.test("a one-off that is done is done for good", () => {
  assertEquals(decided(taskRecord(), done, policy(), NOW), undefined);
  assertEquals(
    decided(taskRecord({ retry: 3 }), done, policy(), NOW),
    undefined,
  );
});

Deno.test("a recurring task that is done goes on at its next fire time", () => {
  const payload = new Uint8Array([2]);
  assertEquals(
    decided(taskRecord({ retry: 3 }), { ...done, payload }, recurring, NOW),
    scheduled({
      when: at(10_000),
      scheduledFor: at(10_000),
      result: "fine",
      payload,
    }),
  );
});

Deno.test("the next fire time depends on the last one, not on the retry or now", () => {
  const late = taskRecord({ when: at(7_777), scheduledFor: at(3), retry: 1 });
  assertEquals(decided(late, done, recurring, at(8_000))?.when, at(10_003));
});

Deno.test("a job that returns null removes even a recurring task", () => {
  assertEquals(
    decided(taskRecord(), { type: "removed" }, recurring, NOW),
    undefined,
  );
});

Deno.test("a trigger that has finished ends the task", () => {
  const finished = policy({ trigger: { nextFireTime: () => undefined } });
  assertEquals(decided(taskRecord(), done, finished, NOW), undefined);
});

Deno.test("a run that fails comes back when the backoff says", () => {
  for (const one of [policy(), recurring]) {
    assertEquals(
      decided(taskRecord(), failed, one, NOW),
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
  const again = taskRecord({ when: at(500), retry: 4 });
  assertEquals(
    decided(again, failed, policy({ backoff }), NOW),
    scheduled({ when: at(9_000), retry: 5, result: "oh no" }),
  );
  assertEquals(heard, [at(500), 5, NOW]);
});

Deno.test("a one-off stays as failed when the backoff gives up", () => {
  assertEquals(
    decided(taskRecord({ retry: 1, when: at(6_000) }), failed, policy(), NOW),
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
    decided(taskRecord({ retry: 1 }), failed, recurring, NOW),
    scheduled({ when: at(10_000), scheduledFor: at(10_000), result: "oh no" }),
  );
});

Deno.test("a task whose trigger has finished stays as failed, not dropped", () => {
  const last = policy({
    trigger: { nextFireTime: () => undefined },
    backoff: new FixedBackoff([]),
  });
  assertEquals(
    decided(taskRecord(), failed, last, NOW),
    scheduled({ status: "failed", retry: 1, result: "oh no" }),
  );
});

Deno.test("a released task is as it was before it was claimed", () => {
  const before = taskRecord({ when: at(500), retry: 2 });
  const after = scheduled({ when: at(500), retry: 2 });
  assertEquals(decided(before, { type: "released" }, recurring, NOW), after);
  assertEquals(release(before), {
    ...after,
    lastRun: undefined,
    lastError: undefined,
  });
});

Deno.test("a skipped task keeps its result and goes on", () => {
  const skip = policy({
    misfire: "skip",
    trigger: new SimpleTrigger(10_000),
  });
  assertEquals(
    decided(taskRecord(), { type: "skipped" }, skip, at(100_000)),
    scheduled({ when: at(50_000), scheduledFor: at(50_000) }),
  );
});

Deno.test("only skip misses what is later than its threshold", () => {
  const trigger = new SimpleTrigger(10_000);
  const skip = policy({ trigger, misfire: "skip" });
  assertEquals(isMissed(taskRecord(), skip, at(60_000)), false);
  assertEquals(isMissed(taskRecord(), skip, at(60_001)), true);
  const fireOnce = policy({ trigger });
  assertEquals(isMissed(taskRecord(), fireOnce, at(60_001)), false);
  const catchUp = policy({ trigger, misfire: "catchUp" });
  assertEquals(isMissed(taskRecord(), catchUp, at(60_001)), false);
});

Deno.test("skip never misses a one-off or a retry", () => {
  const trigger = new SimpleTrigger(10_000);
  const late = at(1e9);
  assertEquals(
    isMissed(taskRecord(), policy({ misfire: "skip" }), late),
    false,
  );
  const skip = policy({ trigger, misfire: "skip" });
  assertEquals(isMissed(taskRecord({ retry: 1 }), skip, late), false);
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
    const next = decided(
      taskRecord(),
      { ...done, payload },
      policy({ trigger }),
      NOW,
    );
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
    const next = decided(taskRecord(), failed, policy({ backoff }), NOW);
    assertEquals([next?.status, next?.retry], ["failed", 1]);
    assertStringIncludes(next!.result, "oh no\nNo next run: Cannot retry at");
  }
  const backoff: Backoff = {
    nextRetryTime() {
      throw "broken";
    },
  };
  const next = decided(taskRecord(), failed, policy({ backoff }), NOW);
  assertEquals(next?.result, "oh no\nNo next run: broken");
});

Deno.test("a trigger that fails after the backoff gave up parks the task", () => {
  const trigger = { nextFireTime: () => new Date(NaN) };
  const backoff = new FixedBackoff([]);
  const next = decided(taskRecord(), failed, policy({ trigger, backoff }), NOW);
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
        const before = taskRecord({ retry });
        const copy = structuredClone(before);
        const next = decided(before, outcome, {
          ...policy(),
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

Deno.test("a one-off that is done stays for as long as the task or its kind says", () => {
  const kind = policy({ keepMs: 5_000 });
  const stays = (keepMs: number) =>
    scheduled({ status: "done", result: "fine", keepMs });
  assertEquals(decided(taskRecord(), done, kind, NOW), stays(5_000));
  const own = taskRecord({ keepMs: 7_000 });
  assertEquals(decided(own, done, kind, NOW), stays(7_000));
  assertEquals(decided(own, done, policy(), NOW), stays(7_000));
  const gone = taskRecord({ keepMs: 0 });
  assertEquals(decided(gone, done, kind, NOW), undefined);
});

Deno.test("what has failed for good stays for as long as its kind says", () => {
  const kind = policy({ keepFailedMs: 9_000, backoff: new FixedBackoff([]) });
  const next = decided(taskRecord(), failed, kind, NOW);
  assertEquals([next?.status, next?.keepMs], ["failed", 9_000]);
});

Deno.test("a cancelled one-off stays as cancelled, a recurring task goes on", () => {
  const cancelled: Outcome = { type: "cancelled" };
  assertEquals(
    decided(taskRecord({ retry: 2 }), cancelled, policy(), NOW),
    scheduled({ status: "cancelled" }),
  );
  assertEquals(
    decided(taskRecord(), cancelled, recurring, NOW),
    scheduled({ when: at(10_000), scheduledFor: at(10_000) }),
  );
});

Deno.test("a run that was interrupted is not missed, however late it begins again", () => {
  const skip = policy({
    trigger: new SimpleTrigger(10_000),
    misfire: "skip",
  });
  const late = at(1e9);
  assertEquals(isMissed(taskRecord(), skip, late), true);
  assertEquals(isMissed(taskRecord({ crashes: 1 }), skip, late), false);
});

Deno.test("any outcome but a hand-back ends a series of crashes", () => {
  const crashed = taskRecord({ crashes: 2 });
  for (const outcome of [done, failed, { type: "skipped" } as const]) {
    assertEquals(decided(crashed, outcome, recurring, NOW)?.crashes, 0);
  }
  assertEquals(
    decided(crashed, { type: "released" }, recurring, NOW)?.crashes,
    2,
  );
});

Deno.test("the times and the outcome of the last run are kept, but not of a hand-back", () => {
  const times = { startedAt: STARTED, now: NOW };
  const lastRun = (outcome: Outcome) =>
    decide(taskRecord(), outcome, recurring, times)?.lastRun;
  const ran = { startedAt: STARTED, endedAt: NOW };
  assertEquals(lastRun(done), { ...ran, outcome: "succeeded" });
  assertEquals(lastRun(failed), { ...ran, outcome: "failed" });
  assertEquals(lastRun({ type: "skipped" }), { ...ran, outcome: "skipped" });
  assertEquals(lastRun({ type: "cancelled" }), {
    ...ran,
    outcome: "cancelled",
  });
  assertEquals(lastRun({ type: "released" }), undefined);
});

Deno.test("what a run threw is kept until one succeeds", () => {
  const times = { startedAt: STARTED, now: NOW };
  const lastError = (outcome: Outcome) =>
    decide(taskRecord(), outcome, recurring, times)?.lastError;
  const error = new TypeError("oh no");
  const { name, message, stack, at } = lastError({ ...failed, error })!;
  assertEquals([name, message, at], ["TypeError", "oh no", NOW]);
  assertStringIncludes(stack, "decide_test");
  assertEquals(lastError({ ...failed, error: "text" })?.stack, "");
  assertEquals(lastError(done), null);
  assertEquals(lastError({ type: "skipped" }), undefined);
});

Deno.test("a state that no store can keep parks the task, with the reason", () => {
  const next = unstorable(
    taskRecord({ retry: 1 }),
    recurring,
    new RangeError("too large"),
    { startedAt: STARTED, now: NOW },
  );
  assertEquals([next.status, next.retry, next.result], [
    "failed",
    2,
    "Cannot store the outcome: too large",
  ]);
  assertEquals(next.lastError?.name, "RangeError");
});

Deno.test("a backoff may change the dates that it is given and has given", () => {
  const given: Date[] = [];
  const backoff: Backoff = {
    nextRetryTime(prev, _retry, now) {
      prev.setTime(0);
      now!.setTime(now!.getTime() + 5_000);
      given.push(now!);
      return now;
    },
  };
  const task = taskRecord();
  const times = { startedAt: STARTED, now: at(1_000) };
  const next = decide(task, failed, policy({ backoff }), times);
  given[0].setTime(0);
  assertEquals(
    [next?.when, task.when, times.now],
    [at(6_000), at(0), at(1_000)],
  );
});
