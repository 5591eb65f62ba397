import { deepStrictEqual as equal } from "node:assert/strict";
import type { ClaimingStore, SteeringStore } from "../../src/api/job_store.ts";
import { AWKWARD_SLUGS } from "./awkward_slugs.ts";
import {
  type Case,
  createDue,
  expectHeld,
  expectLost,
  lockAll,
  lockNew,
  lockWork,
  nextWork,
  pick,
  settle,
  slugsOf,
} from "./store_harness.ts";

/** Changing tasks from outside. */
export const steeringCases: Case<ClaimingStore & SteeringStore>[] = [
  {
    name: "delete removes a task, and tells whether there was one",
    async run({ store, another }) {
      await createDue(store, "a", "b");
      equal(await (await another()).delete("a"), true);
      equal(await store.delete("a"), false);
      equal(slugsOf(await lockWork(store)), ["b"]);
    },
  },
  {
    name: "delete removes a task, even while it runs",
    async run({ store }) {
      const task = await lockNew(store, "a");
      equal(await store.delete("a"), true);
      equal(await store.delete("a"), false);
      await expectLost(store, task);
      equal(await nextWork(store), undefined);
    },
  },
  {
    name: "delete removes a task that has ended",
    async run({ store }) {
      for (const status of ["failed", "cancelled", "done"] as const) {
        await settle(store, await lockNew(store, "a"), { status });
        equal(await store.delete("a"), true);
        equal(await store.delete("a"), false);
      }
    },
  },
  {
    name: "delete takes awkward slugs, and mixes up none",
    async run({ store }) {
      await createDue(store, ...AWKWARD_SLUGS);
      const left = new Set(AWKWARD_SLUGS);
      for (const slug of AWKWARD_SLUGS.slice(0, -1)) {
        equal(await store.delete(slug), true);
        equal(await store.delete(slug), false);
        left.delete(slug);
      }
      equal(slugsOf(await lockAll(store)), [...left]);
    },
  },
  {
    name: "a claim of before a deletion is worth nothing after it",
    async run({ store }) {
      const versions: number[] = [];
      const claim = async () => {
        const task = await lockNew(store, "a");
        versions.push(task.version);
        return task;
      };
      const deleted = await claim();
      await store.delete("a");
      const cleared = await claim();
      await expectLost(store, deleted);
      await store.clear();
      const current = await claim();
      for (const task of [deleted, cleared]) await expectLost(store, task);
      await expectHeld(store, current);
      equal(versions, [...new Set(versions)].sort((a, b) => a - b));
    },
  },
  {
    name: "clear removes all tasks, even those that run",
    async run({ store, another }) {
      const task = await lockNew(store, "a");
      await createDue(store, "b", "c", "failed");
      const failed = pick(await lockWork(store), "failed");
      await settle(store, failed, { status: "failed" });
      await (await another()).clear();
      equal(await nextWork(store), undefined);
      await expectLost(store, task);
      await createDue(store, "a", "b", "c", "failed");
      equal((await lockWork(store)).length, 4);
    },
  },
  {
    name: "clear removes many tasks",
    async run({ store }) {
      const slugs = Array.from({ length: 320 }, (_, index) => `t${index}`);
      await createDue(store, ...slugs);
      await store.clear();
      equal(await nextWork(store), undefined);
      await createDue(store, ...slugs);
      equal((await lockAll(store)).length, 320);
    },
  },
];
