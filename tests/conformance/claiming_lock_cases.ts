import { deepStrictEqual as equal, ok } from "node:assert/strict";
import {
  type Case,
  createDue,
  LEASE_MS,
  lockNew,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "./store_harness.ts";

/** Finding, claiming and holding tasks. */
export const claimCases: Case[] = [
  {
    name: "nextRun tells the soonest instant for the kinds asked for",
    async run({ store }) {
      equal((await store.nextRun(["work"])).when, undefined);
      const at = (minute: number) => new Date(Date.UTC(2031, 0, 1, 0, minute));
      await store.create([
        newTask("a", { due: { at: at(3) } }),
        newTask("b", { due: { at: at(2) } }),
        newTask("c", { due: { at: at(1) }, kind: "other" }),
      ]);
      equal((await store.nextRun(["work"])).when, at(2));
      equal((await store.nextRun(["work", "other"])).when, at(1));
      equal((await store.nextRun(["unknown"])).when, undefined);
      equal((await store.nextRun([])).when, undefined);
    },
  },
  {
    name: "nextRun tells the end of a lease, and nothing of failed tasks",
    async run({ store }) {
      const task = await lockNew(store, "a");
      equal((await store.nextRun(["work"])).when, task.leaseEnd);
      await store.reschedule([settlement(task, { status: "failed" })]);
      equal((await store.nextRun(["work"])).when, undefined);
    },
  },
  {
    name: "nextRun tells the store's clock, which goes forward",
    async run({ store, another }) {
      const { now: first } = await store.nextRun([]);
      const { now: second } = await (await another()).nextRun(["work"]);
      ok(second >= first);
    },
  },
  {
    name: "lock claims due tasks, soonest first, up to the limit",
    async run({ store }) {
      const at = (second: number) =>
        new Date(Date.UTC(2001, 0, 1, 0, 0, second));
      await store.create([
        newTask("third", { due: { at: at(3) } }),
        newTask("first", { due: { at: at(1) } }),
        newTask("future", { due: { inMs: 3_600_000 } }),
        newTask("second", { due: { at: at(2) } }),
      ]);
      equal(slugsOf(await lockWork(store, 2)), ["first", "second"]);
      equal(slugsOf(await lockWork(store, 2)), ["third"]);
      equal(slugsOf(await lockWork(store, 2)), []);
    },
  },
  {
    name: "lock takes the soonest over all kinds, and leaves others alone",
    async run({ store }) {
      const at = (second: number) =>
        new Date(Date.UTC(2001, 0, 1, 0, 0, second));
      await store.create([
        newTask("x1", { kind: "x", due: { at: at(1) } }),
        newTask("y2", { kind: "y", due: { at: at(2) } }),
        newTask("z0", { kind: "z", due: { at: at(0) } }),
        newTask("x3", { kind: "x", due: { at: at(3) } }),
        newTask("y4", { kind: "y", due: { at: at(4) } }),
      ]);
      const lock = (limit: number, ...kinds: string[]) =>
        store.lock({ kinds, limit, leaseMs: LEASE_MS });
      equal(await lock(5), []);
      equal(slugsOf(await lock(3, "x", "y")), ["x1", "y2", "x3"]);
      equal(slugsOf(await lock(5, "x", "y", "unknown")), ["y4"]);
      equal((await store.get("z0"))?.status, "scheduled");
    },
  },
  {
    name: "lock gives a new version and a lease",
    async run({ store }) {
      await createDue(store, "a");
      const before = await store.get("a");
      const { now: earlier } = await store.nextRun([]);
      const [task] = await lockWork(store);
      const { now: later } = await store.nextRun([]);
      ok(task.version > before!.version);
      equal({ ...task, version: 0, leaseEnd: undefined }, {
        ...before,
        version: 0,
        status: "running",
      });
      equal(await store.get("a"), task);
      const granted = task.leaseEnd!.getTime() - LEASE_MS;
      ok(granted >= earlier.getTime() - 1 && granted <= later.getTime() + 1);
    },
  },
  {
    name: "concurrent callers of lock get disjoint sets, and all tasks",
    async run({ store, another }) {
      const other = await another();
      const slugs = Array.from({ length: 60 }, (_, index) => `task-${index}`);
      await createDue(store, ...slugs);
      const claimed: string[] = [];
      for (let round = 0; round < 30 && claimed.length < 60; round++) {
        const batches = await Promise.all(
          [store, other, store, other].map((store) => lockWork(store, 7)),
        );
        claimed.push(...batches.flatMap(slugsOf));
      }
      equal(claimed.sort(), slugs.sort());
    },
  },
  {
    name: "a claimed task can be claimed again when its lease has ended",
    async run({ store, another, elapse }) {
      const first = await lockNew(store, "a");
      const other = await another();
      await elapse(LEASE_MS / 2);
      equal(await lockWork(other), []);
      await elapse(LEASE_MS / 2 + 1_000);
      const [second] = await lockWork(other);
      equal([second.slug, second.retry, second.result], ["a", 0, ""]);
      ok(second.version > first.version);
    },
  },
  {
    name: "renew makes a lease last",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await elapse(LEASE_MS / 2);
      equal(await store.renew([task], LEASE_MS), [true]);
      await elapse(LEASE_MS / 2 + 1_000);
      equal(await lockWork(store), []);
      await elapse(LEASE_MS / 2);
      equal(slugsOf(await lockWork(store)), ["a"]);
    },
  },
  {
    name: "renew answers for each claim, in order",
    async run({ store }) {
      await createDue(store, "a", "b", "c", "d");
      const tasks = await lockWork(store);
      const by = (slug: string) => tasks.find((task) => task.slug === slug)!;
      await store.delete("b");
      await store.reschedule([settlement(by("d"), {})]);
      const stale = { slug: "c", version: by("c").version - 1 };
      equal(
        await store.renew([by("d"), by("a"), stale, by("b"), by("c")], 1_000),
        [false, true, false, false, true],
      );
      equal(await store.renew([], 1_000), []);
    },
  },
  {
    name: "a lease that ran out can be renewed until somebody takes over",
    async run({ store, another, elapse }) {
      const task = await lockNew(store, "a");
      await elapse(2 * LEASE_MS);
      equal(await store.renew([task], LEASE_MS), [true]);
      equal(await lockWork(await another()), []);
      await elapse(2 * LEASE_MS);
      equal(slugsOf(await lockWork(await another())), ["a"]);
      equal(await store.renew([task], LEASE_MS), [false]);
    },
  },
];
