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

/** Ending claims. */
export const settleCases: Case[] = [
  {
    name: "reschedule puts each task into its next state",
    async run({ store }) {
      await store.create([
        newTask("again", { payload: new Uint8Array([1]), trigger: "t" }),
        newTask("changed", { payload: new Uint8Array([1]) }),
        newTask("done"),
        newTask("failed", { payload: new Uint8Array([4]) }),
      ]);
      const when = new Date("2031-01-01T00:00:00.123Z");
      const scheduledFor = new Date("2030-12-31T00:00:00.456Z");
      const states = {
        again: { when, scheduledFor, retry: 2, result: "oh – 🎉" },
        changed: { when, scheduledFor: when, payload: new Uint8Array([2, 3]) },
        done: undefined,
        failed: { status: "failed", retry: 5, result: "broken" } as const,
      };
      const tasks = await lockWork(store);
      const effects = await store.reschedule(
        tasks.map((task) =>
          settlement(task, states[task.slug as keyof typeof states])
        ),
      );
      equal(effects, [true, true, true, true]);

      const before = (slug: string) =>
        tasks.find((task) => task.slug === slug)!;
      const unclaimed = { status: "scheduled", leaseEnd: undefined };
      equal(await store.get("again"), {
        ...before("again"),
        ...unclaimed,
        ...states.again,
      });
      equal(await store.get("changed"), {
        ...before("changed"),
        ...unclaimed,
        ...states.changed,
      });
      equal(await store.get("done"), undefined);
      equal(await store.get("failed"), {
        ...before("failed"),
        ...unclaimed,
        ...states.failed,
      });
      equal((await store.nextRun(["work"])).when, when);
    },
  },
  {
    name: "reschedule answers for each settlement, in order",
    async run({ store }) {
      await createDue(store, "a", "b", "c", "d");
      const tasks = await lockWork(store);
      const by = (slug: string) => tasks.find((task) => task.slug === slug)!;
      await store.delete("b");
      const stale = { ...by("c"), version: by("c").version - 1 };
      equal(
        await store.reschedule([
          settlement(by("b")),
          settlement(by("d"), {}),
          settlement(stale),
          settlement(by("a")),
          settlement(stale, {}),
        ]),
        [false, true, false, true, false],
      );
      equal(await store.reschedule([]), []);
      equal((await store.getSlugs()).sort(), ["c", "d"]);
      equal(await store.renew([by("c")], 1_000), [true]);
    },
  },
  {
    name: "a rescheduled task can be claimed again when it is due",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      const { now } = await store.nextRun([]);
      const when = new Date(now.getTime() + 10_000);
      await store.reschedule([settlement(task, { when })]);
      equal(await lockWork(store), []);
      await elapse(11_000);
      const [again] = await lockWork(store);
      equal(again.slug, "a");
      ok(again.version > task.version);
    },
  },
  {
    name: "a failed task is never claimed, until it is replaced",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await store.reschedule([settlement(task, { status: "failed" })]);
      await elapse(10 * LEASE_MS);
      equal(await lockWork(store), []);
      await store.create([newTask("a", { onConflict: "replace" })]);
      equal(slugsOf(await lockWork(store)), ["a"]);
    },
  },
  {
    name: "a stale version can neither overwrite nor delete",
    async run({ store, another, elapse }) {
      const stale = await lockNew(store, "a");
      const other = await another();
      await elapse(LEASE_MS + 1_000);
      const [current] = await lockWork(other);
      equal(current.slug, "a");
      equal(await store.renew([stale], LEASE_MS), [false]);
      equal(await store.reschedule([settlement(stale)]), [false]);
      equal(
        await store.reschedule([settlement(stale, { result: "late" })]),
        [false],
      );
      equal(
        await store.reschedule([settlement(stale, { status: "failed" })]),
        [false],
      );
      equal(await other.get("a"), current);
      equal(
        await other.reschedule([settlement(current, { result: "right" })]),
        [true],
      );
      equal((await store.get("a"))?.result, "right");
    },
  },
  {
    name: "a lease that ran out can be settled until somebody takes over",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await elapse(2 * LEASE_MS);
      equal(await store.reschedule([settlement(task)]), [true]);
      equal(await store.get("a"), undefined);
    },
  },
  {
    name: "a settlement that is sent twice takes effect once",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const again = settlement(task, { result: "first" });
      equal(await store.reschedule([again]), [true]);
      const settled = await store.get("a");
      equal(await store.reschedule([again]), [false]);
      equal(await store.reschedule([settlement(task)]), [false]);
      equal(await store.get("a"), settled);

      const [claimed] = await lockWork(store);
      equal(await store.reschedule([again]), [false]);
      equal(await store.get("a"), claimed);
    },
  },
  {
    name: "a version is never given twice, not even after a deletion",
    async run({ store }) {
      const versions: number[] = [];
      const claim = async () => {
        const task = await lockNew(store, "a");
        versions.push(task.version);
        return task;
      };
      const stale = await claim();
      await store.delete("a");
      await claim();
      equal(await store.reschedule([settlement(stale)]), [false]);
      await store.clear();
      const done = await claim();
      await store.reschedule([settlement(done)]);
      await claim();
      await store.create([newTask("a", { onConflict: "replace" })]);
      versions.push((await lockWork(store))[0].version);
      equal(await store.reschedule([settlement(stale)]), [false]);
      equal(versions, [...new Set(versions)].sort((a, b) => a - b));
    },
  },
  {
    name: "long results are kept",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const result = "ü".repeat(65_536);
      await store.reschedule([settlement(task, { result })]);
      ok((await store.get("a"))?.result === result);
    },
  },
  {
    name: "concurrent settlements of one claim take effect once",
    async run({ store, another }) {
      const task = await lockNew(store, "a");
      const other = await another();
      const effects = await Promise.all(
        [store, other, store, other].map((store, index) =>
          store.reschedule([settlement(task, { result: `${index}` })])
        ),
      );
      const winner = effects.flat().indexOf(true);
      equal(effects.flat().filter(Boolean).length, 1);
      equal((await store.get("a"))?.result, `${winner}`);
    },
  },
];
