import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type { ClaimingStore } from "../../src/api/job_store.ts";
import {
  type Case,
  createAll,
  createDue,
  LEASE_MS,
  lockAll,
  lockKinds,
  lockNew,
  lockOne,
  lockRequest,
  lockWork,
  newTask,
  newToken,
  nextWork,
  settle,
  settlement,
  slugsOf,
} from "./store_harness.ts";

/** Finding tasks, and claiming them. */
export const claimingLockCases: Case<ClaimingStore>[] = [
  {
    name: "nextRun tells the soonest instant for the kinds asked for",
    async run({ store }) {
      const next = async (...kinds: string[]) =>
        (await store.nextRun({ kinds })).when;
      equal(await next("work"), undefined);
      const at = (minute: number) => new Date(Date.UTC(2031, 0, 1, 0, minute));
      await createAll(store, [
        newTask("a", { due: { at: at(3) } }),
        newTask("b", { due: { at: at(2) }, priority: 4 }),
        newTask("c", { due: { at: at(1) }, kind: "other" }),
      ]);
      equal(await next("work"), at(2));
      equal(await next("work", "other"), at(1));
      equal(await next("other", "work", "other"), at(1));
      equal(await next("unknown"), undefined);
      equal(await next(), undefined);
    },
  },
  {
    name: "nextRun tells the end of a lease, and nothing of what has ended",
    async run({ store }) {
      for (const status of ["failed", "cancelled", "done"] as const) {
        const task = await lockNew(store, status);
        equal(await nextWork(store), task.leaseEnd);
        await settle(store, task, { status });
        equal(await nextWork(store), undefined);
      }
    },
  },
  {
    name: "nextRun tells the store's clock, which goes forward",
    async run({ store, another }) {
      const { now: first } = await store.nextRun({ kinds: [] });
      const { now: second } = await (await another())
        .nextRun({ kinds: ["work"] });
      ok(second >= first);
    },
  },
  {
    name: "more than ten kinds are found and claimed",
    async run({ store }) {
      const kinds = Array.from({ length: 35 }, (_, index) => `k${index}`);
      const at = new Date("2020-01-01T00:00:00Z");
      await createAll(
        store,
        kinds.slice(1).map((kind) =>
          newTask(kind, { kind, due: { inMs: 3_600_000 } })
        ),
      );
      await createAll(store, [newTask("last", { kind: "k34", due: { at } })]);
      equal((await store.nextRun({ kinds })).when, at);
      equal(await lockKinds(store, kinds, 10), ["last"]);
      await store.create(
        kinds.map((kind) => newTask(kind, { kind, onConflict: "replace" })),
      );
      const tasks = await lockAll(store, {
        kinds: kinds.map((kind) => ({ kind })),
      });
      equal(slugsOf(tasks).sort(), [...kinds].sort());
    },
  },
  {
    name: "lock claims due tasks, soonest first, up to the limit",
    async run({ store }) {
      const at = (second: number) =>
        new Date(Date.UTC(2001, 0, 1, 0, 0, second));
      await createAll(store, [
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
    name: "lock leaves tasks of other kinds alone",
    async run({ store }) {
      await createAll(store, [
        newTask("x", { kind: "x" }),
        newTask("z", { kind: "z", due: { at: new Date(0) } }),
      ]);
      equal(await lockKinds(store, [], 5), []);
      equal(await lockKinds(store, ["unknown"], 5), []);
      equal(await lockKinds(store, ["x", "unknown"], 5), ["x"]);
      equal(await lockKinds(store, ["z"], 5), ["z"]);
    },
  },
  {
    name: "lock gives a new version, the token of the call and a lease",
    async run({ store }) {
      const request = lockRequest();
      await createDue(store, "a");
      const { now: earlier } = await store.nextRun({ kinds: [] });
      const [task] = await store.lock(request);
      const { now: later } = await store.nextRun({ kinds: [] });
      equal([task.slug, task.status], ["a", "running"]);
      equal(task.token, request.token);
      equal(await nextWork(store), task.leaseEnd);
      const granted = task.leaseEnd!.getTime() - LEASE_MS;
      ok(granted >= earlier.getTime() - 1 && granted <= later.getTime() + 1);
    },
  },
  {
    name: "versions start at the store's clock in microseconds",
    async run({ store }) {
      await createDue(store, "a");
      const { now } = await store.nextRun({ kinds: [] });
      const first = await lockOne(store, "a");
      // A second less, for stores that have their clock from elsewhere.
      const floor = (now.getTime() - 1_000) * 1_000;
      ok(Number.isSafeInteger(first.version));
      ok(first.version >= floor, `${first.version} is below ${floor}`);
      await settle(store, first, {});
      const second = await lockOne(store, "a");
      ok(second.version > first.version);
    },
  },
  {
    name: "a version is never given twice, not even after a deletion",
    async run({ store }) {
      const versions: number[] = [];
      for (let round = 0; round < 3; round++) {
        const task = await lockNew(store, "a");
        versions.push(task.version);
        await settle(store, task, {});
        const again = await lockOne(store, "a");
        versions.push(again.version);
        await settle(store, again);
      }
      await lockNew(store, "a");
      await createAll(store, [
        newTask("a", { onConflict: "replace" }),
      ], "replaced");
      versions.push((await lockOne(store, "a")).version);
      equal(versions, [...new Set(versions)].sort((a, b) => a - b));
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
      ok(second.token !== first.token);
    },
  },
  {
    name: "lock does not alias what it hands out",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a", {
        payload: new Uint8Array([1, 2, 3]),
      });
      const { when, scheduledFor } = task;
      const due = new Date(when);
      task.payload[0] = 9;
      when.setTime(0);
      scheduledFor.setTime(0);
      task.leaseEnd!.setTime(0);
      await elapse(LEASE_MS + 1_000);
      const [again] = await lockWork(store);
      equal([...again.payload], [1, 2, 3]);
      ok(again.when.getTime() > 0 && again.when <= due);
      ok(again.scheduledFor.getTime() > 0);
    },
  },
  {
    name: "only a take-over counts as a crash",
    async run({ store, another, elapse }) {
      const takeOver = async () => {
        await elapse(LEASE_MS + 1_000);
        return await lockOne(await another(), "a");
      };
      const task = await lockNew(store, "a");
      equal(task.crashes, 0);
      equal((await takeOver()).crashes, 1);
      const second = await takeOver();
      equal([second.crashes, second.retry], [2, 0]);
      // Handed back: neither a crash, nor a proof of life.
      await settle(store, second, {});
      const handedBack = await lockOne(store, "a");
      equal(handedBack.crashes, 2);
      await settle(store, handedBack, { crashes: 0 });
      const settled = await lockOne(store, "a");
      equal(settled.crashes, 0);
      equal((await takeOver()).crashes, 1);
    },
  },
  {
    name:
      "lock gives no more payload than asked for, but the first task always",
    async run({ store }) {
      const at = (second: number) =>
        new Date(Date.UTC(2001, 0, 1, 0, 0, second));
      const sizes = { a: 100, b: 100, c: 1_000, d: 10, e: 0 };
      await createAll(
        store,
        Object.entries(sizes).map(([slug, bytes], index) =>
          newTask(slug, {
            payload: new Uint8Array(bytes),
            due: { at: at(index) },
          })
        ),
      );
      const lock = async (maxBytes: number) =>
        slugsOf(await store.lock(lockRequest({ maxBytes })));
      equal(await lock(200), ["a", "b"]);
      equal(await lock(200), ["c"]);
      equal(await lock(1), ["d"]);
      equal(await lock(1), ["e"]);
      equal(await lock(1), []);
    },
  },
  {
    name: "a task that exceeds the bytes is not overtaken in its lane",
    async run({ store }) {
      const at = (second: number) =>
        new Date(Date.UTC(2001, 0, 1, 0, 0, second));
      await createAll(
        store,
        [10, 1_000, 10].map((bytes, index) =>
          newTask(`${index}`, {
            payload: new Uint8Array(bytes),
            due: { at: at(index) },
          })
        ),
      );
      const lock = async () =>
        slugsOf(await store.lock(lockRequest({ maxBytes: 100 })));
      equal(await lock(), ["0"]);
      equal(await lock(), ["1"]);
      equal(await lock(), ["2"]);
    },
  },
  {
    name: "the bytes are those of the tasks of all kinds",
    async run({ store }) {
      const payload = new Uint8Array(100);
      await createAll(
        store,
        ["x1", "x2", "y1", "y2"].map((slug, index) =>
          newTask(slug, {
            kind: slug[0],
            payload,
            due: { at: new Date(index) },
          })
        ),
      );
      const lock = async () =>
        slugsOf(
          await store.lock(
            lockRequest({
              kinds: [{ kind: "x" }, { kind: "y" }],
              maxBytes: 250,
            }),
          ),
        );
      equal(await lock(), ["x1", "y1"]);
      equal(await lock(), ["x2", "y2"]);
    },
  },
  {
    name: "no more of a kind than its own limit is claimed",
    async run({ store }) {
      await createAll(
        store,
        ["x1", "x2", "x3", "y1", "y2", "y3"].map((slug, index) =>
          newTask(slug, { kind: slug[0], due: { at: new Date(index) } })
        ),
      );
      const lock = async (x: number, y: number | undefined, limit = 10) =>
        slugsOf(
          await store.lock(lockRequest({
            kinds: [{ kind: "x", limit: x }, { kind: "y", limit: y }],
            limit,
          })),
        );
      equal(await lock(0, 0), []);
      equal(await lock(0, 1), ["y1"]);
      equal(await lock(2, 5, 2), ["x1", "y2"]);
      equal(await lock(1, undefined), ["x2", "y3"]);
      equal(await lock(5, 5), ["x3"]);
    },
  },
  {
    name: "the limit of a kind holds for all of its priorities together",
    async run({ store }) {
      const priorities = [1, 1, 2, 3, 3, 3, 4];
      await createAll(
        store,
        priorities.map((priority, index) => newTask(`${index}`, { priority })),
      );
      const kinds = [{ kind: "work", limit: 2 }];
      const claimed: string[] = [];
      for (let calls = 0; calls < 10; calls++) {
        const tasks = await store.lock(lockRequest({ kinds }));
        ok(tasks.length <= 2, `${tasks.length} tasks for a limit of 2`);
        claimed.push(...slugsOf(tasks));
      }
      equal(claimed.sort(), priorities.map((_, index) => `${index}`));
    },
  },
  {
    name: "a kind that is named twice counts once",
    async run({ store }) {
      await createAll(
        store,
        ["x1", "x2", "x3", "y1", "y2"].map((slug, index) =>
          newTask(slug, { kind: slug[0], due: { at: new Date(index) } })
        ),
      );
      const twice = (limit: number) => [
        { kind: "x", limit },
        { kind: "y" },
        { kind: "x", limit },
      ];
      const lock = async (each: number, limit: number) =>
        slugsOf(
          await store.lock(lockRequest({ kinds: twice(each), limit })),
        );
      equal(await lock(5, 2), ["x1", "y1"]);
      equal(await lock(1, 5), ["x2", "y2"]);
      equal(await lock(5, 5), ["x3"]);
      equal(await lock(5, 5), []);
    },
  },
  {
    name: "each claim can be settled with the token of its own call",
    async run({ store }) {
      await createDue(store, "a", "b");
      const [a] = await store.lock(lockRequest({ limit: 1, token: 1 }));
      const [b] = await store.lock(lockRequest({ token: newToken() }));
      equal(
        await store.reschedule([settlement(a), settlement(b)]),
        ["settled", "settled"],
      );
    },
  },
];
