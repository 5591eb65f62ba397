import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type { ClaimingStore, Settlement } from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import {
  type Case,
  createAll,
  createDue,
  expectHeld,
  expectLost,
  fromNow,
  LEASE_MS,
  lockAll,
  lockNew,
  lockOne,
  lockWork,
  newTask,
  nextWork,
  pick,
  settle,
  settlement,
  slugsOf,
} from "./store_harness.ts";

/** States that some stores cannot keep. */
function awkwardStates(store: ClaimingStore) {
  const { maxPayloadBytes } = store;
  return [
    { result: "a\0b" },
    { result: "\ud800" },
    // A limit that is higher than this costs the test too much.
    ...maxPayloadBytes <= 2 ** 20
      ? [{ payload: new Uint8Array(2 * maxPayloadBytes) }]
      : [],
  ];
}

/** A state in which nothing claims a task. */
const FAILED = { status: "failed" } as const;

/** Ending claims, seen through the claims that follow. */
export const claimingSettleCases: Case<ClaimingStore>[] = [
  {
    name: "reschedule puts each task into its next state",
    async run({ store, elapse }) {
      const payload = new Uint8Array([1]);
      await createAll(
        store,
        ["again", "changed", "done", "failed"].map((slug) =>
          newTask(slug, { payload, trigger: "t", key: "k", priority: 2 })
        ),
      );
      const tasks = await lockWork(store);
      const revision = pick(tasks, "again").revision;
      const when = await fromNow(store, 60_000);
      const scheduledFor = new Date("2020-12-31T00:00:00.456Z");
      const far = await fromNow(store, 70_000);
      const again = { when, scheduledFor, retry: 2, crashes: 3, result: "oh!" };
      equal(
        await store.reschedule([
          settlement(pick(tasks, "failed"), { status: "failed", retry: 5 }),
          settlement(pick(tasks, "again"), again),
          settlement(pick(tasks, "done")),
          settlement(pick(tasks, "changed"), {
            when: far,
            payload: new Uint8Array([2, 3]),
          }),
        ]),
        ["settled", "settled", "settled", "settled"],
      );
      equal(await nextWork(store), when);
      await elapse(100_000);
      const [first, second, ...others] = await lockWork(store);
      equal(others, []);
      equal([first.slug, second.slug], ["again", "changed"]);
      equal(
        [[...first.payload], first.retry, first.crashes, first.result],
        [[1], 2, 3, "oh!"],
      );
      equal(
        [first.trigger, first.key, first.priority, first.revision],
        ["t", "k", 2, revision],
      );
      equal([[...second.payload], second.retry], [[2, 3], 0]);
    },
  },
  {
    name: "reschedule keeps the due time and the fire time apart",
    async run({ store }) {
      const when = new Date("2020-01-01T00:00:00.123Z");
      const scheduledFor = new Date("2019-12-31T00:00:00.456Z");
      const task = await lockNew(store, "a");
      await settle(store, task, { when, scheduledFor, retry: 1 });
      const again = await lockOne(store, "a");
      equal([again.when, again.scheduledFor], [when, scheduledFor]);
    },
  },
  {
    name: "reschedule copies what it is given",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const payload = new Uint8Array([1, 2, 3]);
      const when = new Date("2020-01-01T00:00:00Z");
      const settling = store.reschedule([settlement(task, { payload, when })]);
      payload[0] = 9;
      when.setTime(0);
      equal(await settling, ["settled"]);
      payload[1] = 9;
      const again = await lockOne(store, "a");
      equal([...again.payload], [1, 2, 3]);
      equal(again.when, new Date("2020-01-01T00:00:00Z"));
    },
  },
  {
    name: "reschedule answers for each settlement, in order",
    async run({ store }) {
      await createDue(store, "a", "b", "c", "d");
      const tasks = await lockWork(store);
      const by = (slug: string) => pick(tasks, slug);
      await settle(store, by("b"));
      const stale = { ...by("c"), version: by("c").version - 1 };
      const unknown = { ...by("a"), slug: "unknown" };
      equal(
        await store.reschedule([
          settlement(by("b")),
          settlement(by("d"), {}),
          settlement(stale),
          settlement(by("a")),
          settlement(stale, {}),
          settlement(unknown, {}),
        ]),
        ["lost", "settled", "lost", "settled", "lost", "lost"],
      );
      equal(await store.reschedule([]), []);
      await expectHeld(store, by("c"));
      equal(slugsOf(await lockWork(store)), ["d"]);
    },
  },
  {
    name: "a rescheduled task can be claimed again when it is due",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      const when = await fromNow(store, 10_000);
      await settle(store, task, { when });
      equal(await lockWork(store), []);
      await elapse(11_000);
      const again = await lockOne(store, "a");
      ok(again.version > task.version);
    },
  },
  {
    name: "a task that has ended is never claimed, until it is replaced",
    async run({ store, elapse }) {
      for (const status of ["failed", "cancelled", "done"] as const) {
        const task = await lockNew(store, "a");
        await settle(store, task, { status });
        await elapse(10 * LEASE_MS);
        equal(await lockWork(store), []);
        await createAll(store, [
          newTask("a", { onConflict: "replace" }),
        ], "replaced");
        await settle(store, await lockOne(store, "a"));
      }
    },
  },
  {
    name: "a stale version can neither overwrite nor delete",
    async run({ store, another, elapse }) {
      const stale = await lockNew(store, "a");
      const other = await another();
      await elapse(LEASE_MS + 1_000);
      const current = await lockOne(other, "a");
      await expectLost(store, stale);
      equal(
        await store.reschedule([settlement(stale, { result: "late" })]),
        ["lost"],
      );
      equal(
        await store.reschedule([settlement(stale, { status: "failed" })]),
        ["lost"],
      );
      await expectHeld(other, current);
      await settle(other, current, { result: "right" });
      equal((await lockOne(store, "a")).result, "right");
    },
  },
  {
    name:
      "the right version with another token can neither overwrite nor delete",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const wrong: TaskRecord = { ...task, token: task.token! - 1 };
      await expectLost(store, wrong);
      equal(
        await store.reschedule([
          settlement(wrong),
          settlement(task, { result: "right" }),
        ]),
        ["lost", "settled"],
      );
      equal((await lockOne(store, "a")).result, "right");
    },
  },
  {
    name: "a lease that ran out can be settled until somebody takes over",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await elapse(2 * LEASE_MS);
      await settle(store, task);
      equal(await lockWork(store), []);
      await createDue(store, "a");
    },
  },
  {
    name: "a settlement that is sent twice takes effect once",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const again = settlement(task, { result: "first" });
      equal(await store.reschedule([again]), ["settled"]);
      equal(await store.reschedule([again]), ["lost"]);
      equal(await store.reschedule([settlement(task)]), ["lost"]);
      const claimed = await lockOne(store, "a");
      equal(claimed.result, "first");
      equal(await store.reschedule([again]), ["lost"]);
      await expectHeld(store, claimed);
    },
  },
  {
    name: "many settlements in one call all take effect",
    async run({ store }) {
      const slugs = Array.from({ length: 130 }, (_, index) => `t${index}`);
      await createDue(store, ...slugs);
      const tasks = await lockAll(store);
      equal(tasks.length, 130);
      const settlements = tasks.map((task, index): Settlement =>
        settlement(
          task,
          index % 3 === 0 ? undefined : { result: task.slug, retry: index },
        )
      );
      equal(await store.reschedule(settlements), tasks.map(() => "settled"));
      const again = await lockAll(store);
      const kept = tasks.filter((_, index) => index % 3 !== 0);
      equal(slugsOf(again).sort(), slugsOf(kept).sort());
      for (const { slug, result, retry } of again) {
        equal([result, retry], [slug, slugsOf(tasks).indexOf(slug)]);
      }
    },
  },
  {
    name: "many large settlements in one call all take effect",
    async run({ store }) {
      const slugs = Array.from({ length: 16 }, (_, index) => `t${index}`);
      await createDue(store, ...slugs);
      const tasks = await lockWork(store, 16);
      const length = Math.min(store.maxPayloadBytes, 2 ** 20);
      const settlements = tasks.map((task, index) =>
        settlement(task, { payload: new Uint8Array(length).fill(index) })
      );
      equal(await store.reschedule(settlements), tasks.map(() => "settled"));
      const again = await lockAll(store);
      for (const { slug, payload } of again) {
        const index = slugsOf(tasks).indexOf(slug);
        equal([payload.length, payload[length - 1]], [length, index]);
      }
      equal(again.length, 16);
    },
  },
  {
    name: "one settlement that cannot be stored holds up no other",
    async run({ store }) {
      for (const [round, state] of awkwardStates(store).entries()) {
        const slugs = Array.from({ length: 50 }, (_, i) => `${round}.${i}`);
        await createDue(store, ...slugs);
        const tasks = await lockAll(store);
        equal(tasks.length, 50);
        const outcomes = await store.reschedule(
          tasks.map((task, index) =>
            settlement(task, index === 24 ? { ...state, ...FAILED } : FAILED)
          ),
        );
        const [outcome] = outcomes.splice(24, 1);
        equal(outcomes, tasks.slice(1).map(() => "settled"));
        if (outcome === "settled") continue;
        ok(
          typeof outcome === "object" && outcome.error instanceof Error,
          `expected "settled" or an error, got ${JSON.stringify(outcome)}`,
        );
        // Nothing has changed, so it can be settled some other way.
        await settle(store, tasks[24], FAILED);
      }
    },
  },
  {
    name: "large numbers of retries and crashes are kept",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const many = 2 ** 31 - 1;
      await settle(store, task, { retry: many, crashes: 30_000 });
      const again = await lockOne(store, "a");
      equal([again.retry, again.crashes], [many, 30_000]);
    },
  },
  {
    name: "long results are kept",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const result = "ü".repeat(65_536);
      await settle(store, task, { result });
      ok((await lockOne(store, "a")).result === result);
    },
  },
  {
    name: "concurrent settlements of one claim take effect once",
    async run({ store, another }) {
      const task = await lockNew(store, "a");
      const other = await another();
      const outcomes = await Promise.all(
        [store, other, store, other].map((store, index) =>
          store.reschedule([settlement(task, { result: `${index}` })])
        ),
      );
      const all = outcomes.flat();
      equal(all.filter((outcome) => outcome === "settled").length, 1);
      ok(all.every((outcome) => typeof outcome === "string"));
      const { result } = await lockOne(store, "a");
      equal(result, `${all.indexOf("settled")}`);
    },
  },
];
