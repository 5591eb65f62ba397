import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { JobStore } from "../../src/api/job_store.ts";
import {
  type Case,
  createDue,
  lockNew,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "./store_harness.ts";

/** Slugs that trip stores which build paths or statements from them. */
const AWKWARD_SLUGS = [
  "a/b",
  "/",
  ".",
  "..",
  "__x__",
  "%",
  "%2F",
  "a b",
  " a",
  "a\nb",
  "a\\b",
  "a'b",
  'a"b',
  "'; DROP TABLE schedules; --",
  "`$(touch x)`",
  "A",
  "a",
  "ü",
  "u\u0308",
  "🎉",
  "null",
  "x".repeat(255),
  "ü".repeat(255),
];

async function mustGet(store: JobStore, slug: string) {
  const task = await store.get(slug);
  ok(task, `no task "${slug}"`);
  return task;
}

/** Creating, reading and deleting tasks. */
export const createCases: Case[] = [
  {
    name: "create keeps every field of a task",
    async run({ store, another }) {
      const at = new Date("2030-02-03T04:05:06.789Z");
      const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      await store.create([
        newTask("full", {
          kind: "kínd",
          payload,
          trigger: '{"type":"simple","intervalMs":1000}',
          due: { at },
        }),
      ]);
      const task = await mustGet(await another(), "full");
      ok(Number.isSafeInteger(task.version));
      equal({ ...task, version: 0, payload: [...task.payload] }, {
        slug: "full",
        kind: "kínd",
        payload: [...payload],
        trigger: '{"type":"simple","intervalMs":1000}',
        when: at,
        scheduledFor: at,
        version: 0,
        retry: 0,
        result: "",
        status: "scheduled",
        leaseEnd: undefined,
      });
      equal((await mustGet(store, "full")).payload.constructor, Uint8Array);
    },
  },
  {
    name: "create copies what it is given, and get what it answers",
    async run({ store }) {
      const payload = new Uint8Array([1, 2, 3]);
      const at = new Date("2030-01-01T00:00:00Z");
      await store.create([newTask("a", { payload, due: { at } })]);
      payload[0] = 9;
      at.setTime(0);
      const task = await mustGet(store, "a");
      task.payload[1] = 9;
      task.when.setTime(0);
      const again = await mustGet(store, "a");
      equal([...again.payload], [1, 2, 3]);
      equal(again.when, new Date("2030-01-01T00:00:00Z"));
    },
  },
  {
    name: "create with a delay counts from the store's clock",
    async run({ store }) {
      const { now: before } = await store.nextRun([]);
      await store.create([newTask("a", { due: { inMs: 90_000 } })]);
      const { now: after } = await store.nextRun([]);
      const { when, scheduledFor } = await mustGet(store, "a");
      // A millisecond more on either side, for stores that round.
      ok(when.getTime() >= before.getTime() + 90_000 - 1, "too soon");
      ok(when.getTime() <= after.getTime() + 90_000 + 1, "too late");
      equal(scheduledFor, when);
    },
  },
  {
    name: "create keeps dates from 1970 to 9999",
    async run({ store }) {
      const dates = [new Date(0), new Date("9999-12-31T23:59:59.999Z")];
      await store.create(
        dates.map((at, index) => newTask(`${index}`, { due: { at } })),
      );
      equal((await mustGet(store, "0")).when, dates[0]);
      equal((await mustGet(store, "1")).when, dates[1]);
    },
  },
  {
    name: "create adds nothing if a slug is taken, and tells which",
    async run({ store }) {
      await createDue(store, "b", "d");
      const taken = await store.create(
        ["a", "b", "c", "d"].map((slug) => newTask(slug)),
      );
      equal(taken.sort(), ["b", "d"]);
      equal((await store.getSlugs()).sort(), ["b", "d"]);
    },
  },
  {
    name: "create with keep leaves the old task as it was",
    async run({ store }) {
      await store.create([newTask("a", { payload: new Uint8Array([1]) })]);
      const before = await store.get("a");
      const taken = await store.create([
        newTask("a", { payload: new Uint8Array([2]), onConflict: "keep" }),
        newTask("b", { onConflict: "keep" }),
      ]);
      equal(taken, []);
      equal(await store.get("a"), before);
      equal((await store.getSlugs()).sort(), ["a", "b"]);
    },
  },
  {
    name: "create with replace starts the task anew",
    async run({ store }) {
      const old = await lockNew(store, "a");
      await store.reschedule([
        settlement(old, { status: "failed", retry: 3, result: "broken" }),
      ]);
      const taken = await store.create([
        newTask("a", {
          kind: "other",
          payload: new Uint8Array([2]),
          onConflict: "replace",
        }),
      ]);
      equal(taken, []);
      const task = await mustGet(store, "a");
      equal(
        [task.kind, [...task.payload], task.retry, task.result, task.status],
        ["other", [2], 0, "", "scheduled"],
      );
      ok(task.version > old.version);
    },
  },
  {
    name: "replacing a running task takes it away from its holder",
    async run({ store }) {
      const old = await lockNew(store, "a");
      await store.create([newTask("a", { onConflict: "replace" })]);
      equal(await store.renew([old], 1_000), [false]);
      equal(await store.reschedule([settlement(old)]), [false]);
      equal(slugsOf(await lockWork(store)), ["a"]);
    },
  },
  {
    name: "concurrent creations of one slug have one winner",
    async run({ store, another }) {
      const other = await another();
      const answers = await Promise.all(
        [store, other, store, other].map((store) =>
          store.create([newTask("a")])
        ),
      );
      equal(answers.flat(), ["a", "a", "a"]);
    },
  },
  {
    name: "awkward slugs are kept apart, found, claimed and deleted",
    async run({ store }) {
      await createDue(store, ...AWKWARD_SLUGS);
      equal((await store.getSlugs()).sort(), [...AWKWARD_SLUGS].sort());
      for (const slug of AWKWARD_SLUGS) {
        equal((await mustGet(store, slug)).slug, slug);
      }
      const tasks = await lockWork(store, 100);
      equal(slugsOf(tasks).sort(), [...AWKWARD_SLUGS].sort());
      const effects = await store.reschedule(
        tasks.map((task) => settlement(task, { result: task.slug })),
      );
      ok(effects.every(Boolean));
      for (const slug of AWKWARD_SLUGS) {
        equal((await mustGet(store, slug)).result, slug);
        equal(await store.delete(slug), true);
      }
      equal(await store.getSlugs(), []);
    },
  },
  {
    name: "payloads up to the limit of the store are kept",
    async run({ store }) {
      const length = Math.min(store.maxPayloadBytes, 2 ** 20);
      const payload = Uint8Array.from({ length }, (_, index) => index % 251);
      await store.create([newTask("a", { payload })]);
      equal(Buffer.compare((await mustGet(store, "a")).payload, payload), 0);
    },
  },
  {
    name: "get finds nothing where there is nothing",
    async run({ store }) {
      await createDue(store, "a");
      equal(await store.get("A"), undefined);
      equal(await store.get("a/a"), undefined);
    },
  },
  {
    name: "delete removes a task, even while it runs",
    async run({ store }) {
      const task = await lockNew(store, "a");
      equal(await store.delete("a"), true);
      equal(await store.delete("a"), false);
      equal(await store.get("a"), undefined);
      equal(await store.renew([task], 1_000), [false]);
      equal(await store.reschedule([settlement(task, {})]), [false]);
      equal(await store.getSlugs(), []);
    },
  },
  {
    name: "clear removes all tasks, even those that run",
    async run({ store }) {
      const task = await lockNew(store, "a");
      await createDue(store, "b", "c");
      await store.clear();
      equal(await store.getSlugs(), []);
      equal((await store.nextRun(["work"])).when, undefined);
      equal(await store.reschedule([settlement(task, {})]), [false]);
      await createDue(store, "a");
    },
  },
];
