import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ClaimingStore } from "../../src/api/job_store.ts";
import { AWKWARD_SLUGS } from "./awkward_slugs.ts";
import {
  type Case,
  createAll,
  createDue,
  expectHeld,
  expectLost,
  fromNow,
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

const HOUR_MS = 3_600_000;

/** Adding tasks, seen through the claims that follow. */
export const claimingCreateCases: Case<ClaimingStore>[] = [
  {
    name: "create tells what became of each task, in order",
    async run({ store }) {
      await createDue(store, "kept", "old", "again");
      equal(
        await store.create([
          newTask("new"),
          newTask("kept", { onConflict: "keep" }),
          newTask("new too", { onConflict: "keep" }),
          newTask("old", { onConflict: "replace" }),
          newTask("fresh", { onConflict: "replace" }),
          newTask("again", { onConflict: "rerun" }),
          newTask("once", { onConflict: "rerun" }),
        ]),
        [
          "created",
          "kept",
          "created",
          "replaced",
          "created",
          "merged",
          "created",
        ],
      );
      equal(await store.create([]), []);
    },
  },
  {
    name: "create adds nothing if a slug is taken, and tells which",
    async run({ store }) {
      const task = await lockNew(store, "d", { payload: new Uint8Array([1]) });
      await createAll(store, [newTask("b", { due: { inMs: HOUR_MS } })]);
      equal(
        await store.create([
          newTask("a"),
          newTask("b"),
          newTask("c", { onConflict: "replace" }),
          newTask("d"),
        ]),
        ["withheld", "taken", "withheld", "taken"],
      );
      equal(
        await store.create([
          newTask("d", { onConflict: "replace" }),
          newTask("b"),
        ]),
        ["withheld", "taken"],
      );
      await expectHeld(store, task);
      equal(await lockWork(store), []);
    },
  },
  {
    name: "create keeps what the claim hands out",
    async run({ store, another }) {
      const at = new Date("2003-02-03T04:05:06.789Z");
      const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      await createAll(store, [
        newTask("full", {
          payload,
          trigger: '{"type":"simple","intervalMs":1000}',
          due: { at },
          priority: 2,
          key: "kéy",
          keepMs: 86_400_000,
        }),
      ]);
      const task = await lockOne(await another(), "full");
      equal([...task.payload], [...payload]);
      equal(task.payload.constructor, Uint8Array);
      equal([task.when, task.scheduledFor], [at, at]);
      equal(
        [task.kind, task.trigger, task.retry, task.crashes, task.result],
        ["work", '{"type":"simple","intervalMs":1000}', 0, 0, ""],
      );
      equal([task.priority, task.key, task.keepMs], [2, "kéy", 86_400_000]);
    },
  },
  {
    name: "create has defaults: priority 3, no key, no trigger, no keepMs",
    async run({ store }) {
      const task = await lockNew(store, "a");
      equal(
        [task.priority, task.key, task.trigger, task.keepMs],
        [3, undefined, undefined, undefined],
      );
      ok(Number.isSafeInteger(task.revision));
    },
  },
  {
    name: "create copies what it is given",
    async run({ store }) {
      const payload = Buffer.from([1, 2, 3]);
      const at = new Date("2020-01-01T00:00:00Z");
      const creation = store.create([newTask("a", { payload, due: { at } })]);
      payload[0] = 9;
      at.setTime(0);
      await creation;
      payload[1] = 9;
      const task = await lockOne(store, "a");
      equal([...task.payload], [1, 2, 3]);
      equal(task.when, new Date("2020-01-01T00:00:00Z"));
    },
  },
  {
    name: "create with a delay counts from the store's clock",
    async run({ store }) {
      const before = await fromNow(store, 90_000);
      await createAll(store, [newTask("a", { due: { inMs: 90_000 } })]);
      const after = await fromNow(store, 90_000);
      const when = await nextWork(store);
      // A millisecond more on either side, for stores that round.
      ok(when!.getTime() >= before.getTime() - 1, "too soon");
      ok(when!.getTime() <= after.getTime() + 1, "too late");
    },
  },
  {
    name: "create keeps dates from 1970 to 9999",
    async run({ store }) {
      const last = new Date("9999-12-31T23:59:59.999Z");
      await createAll(store, [newTask("last", { due: { at: last } })]);
      equal(await nextWork(store), last);
      await createAll(store, [newTask("first", { due: { at: new Date(0) } })]);
      equal(await nextWork(store), new Date(0));
      equal((await lockOne(store, "first")).when, new Date(0));
    },
  },
  {
    name: "more than a hundred creations in one call all take effect",
    async run({ store }) {
      const slugs = Array.from({ length: 130 }, (_, index) => `t${index}`);
      await createDue(store, ...slugs.slice(0, 3));
      const outcomes = await store.create(
        slugs.map((slug) => newTask(slug, { onConflict: "keep" })),
      );
      equal(
        outcomes,
        slugs.map((_, index) => index < 3 ? "kept" : "created"),
      );
      equal(slugsOf(await lockAll(store)).sort(), [...slugs].sort());
    },
  },
  {
    name: "of more than a hundred creations none takes effect if one is taken",
    async run({ store }) {
      const slugs = Array.from({ length: 130 }, (_, index) => `t${index}`);
      await createDue(store, "t129");
      const outcomes = await store.create(slugs.map((slug) => newTask(slug)));
      equal(
        outcomes,
        slugs.map((slug) => slug === "t129" ? "taken" : "withheld"),
      );
      equal(slugsOf(await lockAll(store)), ["t129"]);
    },
  },
  {
    name: "concurrent creations of one slug have one winner",
    async run({ store, another }) {
      const other = await another();
      const outcomes = await Promise.all(
        [store, other, store, other].map((store) =>
          store.create([newTask("a")])
        ),
      );
      equal(outcomes.flat().sort(), ["created", "taken", "taken", "taken"]);
    },
  },
  {
    name: "awkward slugs are kept apart, claimed and settled",
    async run({ store }) {
      await createDue(store, ...AWKWARD_SLUGS);
      const tasks = await lockAll(store);
      equal(slugsOf(tasks).sort(), [...AWKWARD_SLUGS].sort());
      const settlements = tasks.map((task) =>
        settlement(task, { result: task.slug })
      );
      equal(
        await store.reschedule(settlements),
        tasks.map(() => "settled"),
      );
      for (const { slug, result } of await lockAll(store)) equal(result, slug);
    },
  },
  {
    name: "awkward kinds are kept apart",
    async run({ store }) {
      await createAll(
        store,
        AWKWARD_SLUGS.map((kind, index) => newTask(`${index}`, { kind })),
      );
      const tasks = await lockAll(store, {
        kinds: AWKWARD_SLUGS.map((kind) => ({ kind })),
      });
      equal(
        tasks.map(({ slug, kind }) => [slug, kind]).sort(),
        AWKWARD_SLUGS.map((kind, index) => [`${index}`, kind]).sort(),
      );
    },
  },
  {
    name: "payloads up to the limit of the store are kept",
    async run({ store }) {
      const length = Math.min(store.maxPayloadBytes, 2 ** 20);
      const payload = Uint8Array.from({ length }, (_, index) => index % 251);
      const task = await lockNew(store, "a", { payload });
      equal(Buffer.compare(task.payload, payload), 0);
    },
  },
  {
    name: "create with keep leaves the old task as it was",
    async run({ store }) {
      await createAll(store, [newTask("a", { payload: new Uint8Array([1]) })]);
      await createAll(store, [
        newTask("a", {
          payload: new Uint8Array([2]),
          kind: "other",
          due: { inMs: HOUR_MS },
          onConflict: "keep",
        }),
      ], "kept");
      const task = await lockOne(store, "a");
      equal([...task.payload], [1]);
      await createAll(store, [newTask("a", { onConflict: "keep" })], "kept");
      await expectHeld(store, task);
    },
  },
  {
    name: "create with replace takes all that is new",
    async run({ store, another }) {
      const old = await lockNew(store, "a", {
        payload: new Uint8Array([1]),
        trigger: "old",
        priority: 1,
        key: "old",
        keepMs: 1,
      });
      await settle(store, old, { status: "failed", retry: 3, result: "bad" });
      const at = new Date("2019-02-03T04:05:06.789Z");
      await createAll(await another(), [
        newTask("a", {
          payload: new Uint8Array([2]),
          trigger: "new",
          due: { at },
          priority: 4,
          key: "new",
          keepMs: 2,
          onConflict: "replace",
        }),
      ], "replaced");
      equal(await nextWork(store), at);
      const task = await lockOne(store, "a");
      equal([[...task.payload], task.trigger], [[2], "new"]);
      equal([task.when, task.scheduledFor], [at, at]);
      equal([task.priority, task.key, task.keepMs], [4, "new", 2]);
      equal([task.retry, task.crashes, task.result], [0, 0, ""]);
      ok(task.version > old.version, "the version went back");
      ok(task.revision > old.revision, "the revision did not grow");
    },
  },
  {
    name: "create with replace takes away what the old task had",
    async run({ store }) {
      await createAll(store, [
        newTask("a", { trigger: "old", priority: 1, key: "old", keepMs: 1 }),
      ]);
      await createAll(store, [
        newTask("a", { kind: "other", onConflict: "replace" }),
      ], "replaced");
      equal(await lockWork(store), []);
      const [task] = await lockAll(store, { kinds: [{ kind: "other" }] });
      equal(
        [task.trigger, task.priority, task.key, task.keepMs],
        [undefined, 3, undefined, undefined],
      );
    },
  },
  {
    name: "replacing a running task takes it away from its holder",
    async run({ store, another }) {
      const old = await lockNew(store, "a");
      await createAll(await another(), [
        newTask("a", { onConflict: "replace" }),
      ], "replaced");
      await expectLost(store, old);
      const task = await lockOne(store, "a");
      equal(task.crashes, 0);
      await expectLost(store, old);
    },
  },
  {
    name: "rerun creates a task that is not there",
    async run({ store }) {
      const task = await lockNew(store, "a", { onConflict: "rerun" });
      await settle(store, task);
      await lockNew(store, "a", { onConflict: "rerun" });
    },
  },
  {
    name: "rerun makes a waiting task due at the sooner of both",
    async run({ store }) {
      const at = (minutes: number) =>
        new Date(Date.UTC(2031, 0, 1, 0, minutes));
      const rerun = (minutes: number) =>
        createAll(store, [
          newTask("a", {
            payload: new Uint8Array([2]),
            due: { at: at(minutes) },
            onConflict: "rerun",
          }),
        ], "merged");
      await createAll(store, [
        newTask("a", {
          payload: new Uint8Array([1]),
          trigger: "t",
          due: { at: at(5) },
        }),
      ]);
      await rerun(9);
      equal(await nextWork(store), at(5));
      await rerun(3);
      equal(await nextWork(store), at(3));
      await createAll(store, [
        newTask("a", { onConflict: "rerun" }),
      ], "merged");
      const task = await lockOne(store, "a");
      equal([[...task.payload], task.trigger], [[1], "t"]);
      await settle(store, task);
      equal(await nextWork(store), undefined);
    },
  },
  {
    name: "rerun leaves the count of retries alone",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const when = await fromNow(store, HOUR_MS);
      await settle(store, task, { when, retry: 2, result: "bad" });
      equal(await lockWork(store), []);
      await createAll(store, [newTask("a", { onConflict: "rerun" })], "merged");
      const again = await lockOne(store, "a");
      equal([again.retry, again.result], [2, "bad"]);
    },
  },
  {
    name: "rerun of a running task has it run once more right after",
    async run({ store, another }) {
      const task = await lockNew(store, "a", { payload: new Uint8Array([1]) });
      await createAll(await another(), [
        newTask("a", { payload: new Uint8Array([2]), onConflict: "rerun" }),
      ], "merged");
      equal(await lockWork(store), []);
      await expectHeld(store, task);
      await settle(store, task);
      const again = await lockOne(store, "a");
      equal([again.retry, again.crashes], [0, 0]);
      equal([...again.payload], [1]);
      ok(again.version > task.version);
      await settle(store, again);
      equal(await nextWork(store), undefined);
    },
  },
  {
    name: "several reruns of a running task are one, the soonest",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const at = (minutes: number) =>
        new Date(Date.UTC(2031, 0, 1, 0, minutes));
      for (const minutes of [7, 5, 9]) {
        await createAll(store, [
          newTask("a", { due: { at: at(minutes) }, onConflict: "rerun" }),
        ], "merged");
      }
      await settle(store, task);
      equal(await nextWork(store), at(5));
    },
  },
  {
    name: "a rerun takes precedence over an end, and retries from the start",
    async run({ store }) {
      for (const status of ["done", "failed", "cancelled"] as const) {
        const task = await lockNew(store, status);
        await createAll(store, [
          newTask(status, { onConflict: "rerun" }),
        ], "merged");
        await settle(store, task, { status, retry: 4, keepMs: 60_000 });
        const again = await lockOne(store, status);
        equal([again.slug, again.retry], [status, 0]);
        await settle(store, again);
      }
    },
  },
  {
    name: "a rerun and a later fire are due at the sooner of both",
    async run({ store }) {
      const at = (minutes: number) =>
        new Date(Date.UTC(2031, 0, 1, 0, minutes));
      const fires = [[9, 5], [2, 5]];
      for (const [fire, rerun] of fires) {
        const task = await lockNew(store, "a");
        await createAll(store, [
          newTask("a", { due: { at: at(rerun) }, onConflict: "rerun" }),
        ], "merged");
        await settle(store, task, { when: at(fire), scheduledFor: at(fire) });
        equal(await nextWork(store), at(Math.min(fire, rerun)));
        // Not once more after that.
        await createAll(store, [
          newTask("a", { due: { at: new Date(0) }, onConflict: "rerun" }),
        ], "merged");
        await settle(store, await lockOne(store, "a"));
        equal(await nextWork(store), undefined);
      }
    },
  },
  {
    name: "a rerun outlives the holder that it was asked of",
    async run({ store, another, elapse }) {
      await lockNew(store, "a");
      await createAll(store, [newTask("a", { onConflict: "rerun" })], "merged");
      await elapse(120_000);
      const other = await another();
      const taken = await lockOne(other, "a");
      equal(taken.crashes, 1);
      await settle(other, taken);
      const again = await lockOne(store, "a");
      equal(again.crashes, 0);
      await settle(store, again);
      equal(await lockWork(store), []);
    },
  },
  {
    name: "replacing a running task drops the rerun that it was to have",
    async run({ store }) {
      await lockNew(store, "a");
      await createAll(store, [newTask("a", { onConflict: "rerun" })], "merged");
      await createAll(store, [
        newTask("a", { onConflict: "replace" }),
      ], "replaced");
      await settle(store, await lockOne(store, "a"));
      equal(await nextWork(store), undefined);
    },
  },
  {
    name: "rerun starts a task anew that has ended",
    async run({ store, elapse }) {
      for (const status of ["done", "failed", "cancelled"] as const) {
        const task = await lockNew(store, status);
        await settle(store, task, {
          status,
          retry: 4,
          crashes: 2,
          result: "old",
        });
        await elapse(120_000);
        const payload = new Uint8Array([7]);
        await createAll(store, [
          newTask(status, { payload, onConflict: "rerun" }),
        ], "merged");
        const again = await lockOne(store, status);
        equal([again.retry, again.crashes, again.result], [0, 0, ""]);
        equal([...again.payload], [7]);
        ok(again.version > task.version);
        await settle(store, again);
      }
    },
  },
  {
    name: "a task that has ended keeps its slug for its time, and no longer",
    async run({ store, elapse }) {
      const ends = ["done", "failed", "cancelled"] as const;
      await createDue(store, ...ends);
      const tasks = await lockWork(store);
      for (const status of ends) {
        const task = pick(tasks, status);
        await settle(store, task, { status, keepMs: 100_000 });
      }
      equal(await nextWork(store), undefined);
      equal(await lockWork(store), []);
      const again = ends.map((slug) => newTask(slug));
      await elapse(50_000);
      await createAll(store, again, "taken");
      await elapse(60_000);
      await createAll(store, again, "created");
      equal(slugsOf(await lockWork(store)).sort(), [...ends].sort());
    },
  },
  {
    name: "what was kept for its time takes no slug, in no mode",
    async run({ store, elapse }) {
      const modes = ["error", "keep", "replace", "rerun"] as const;
      await createDue(store, ...modes);
      const tasks = await lockWork(store);
      const settlements = tasks.map((task) =>
        settlement(task, { status: "done", retry: 2, keepMs: 1_000 })
      );
      await store.reschedule(settlements);
      await elapse(2_000);
      await createAll(
        store,
        modes.map((onConflict) => newTask(onConflict, { onConflict })),
      );
      const anew = await lockWork(store);
      equal(slugsOf(anew).sort(), [...modes].sort());
      for (const { slug, version, retry } of anew) {
        equal(retry, 0);
        ok(version > pick(tasks, slug).version);
      }
    },
  },
  {
    name: "what is kept until somebody removes it stays",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await settle(store, task, { status: "failed", keepMs: Infinity });
      await elapse(400 * 86_400_000);
      await nextWork(store);
      await createAll(store, [newTask("a")], "taken");
    },
  },
  {
    name: "a replaced task does not end with the time of the old one",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await settle(store, task, { status: "done", keepMs: 1_000 });
      await createAll(store, [
        newTask("a", { due: { inMs: 3_000 }, onConflict: "replace" }),
      ], "replaced");
      await elapse(5_000);
      await nextWork(store);
      await createAll(store, [newTask("a")], "taken");
      await lockOne(store, "a");
    },
  },
];
