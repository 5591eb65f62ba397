import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type {
  ClaimingStore,
  InspectingStore,
} from "../../src/api/job_store.ts";
import type { LastRun, StoredError, TaskDetails } from "../../src/api/task.ts";
import { AWKWARD_SLUGS } from "./awkward_slugs.ts";
import {
  type Case,
  createAll,
  createDue,
  LEASE_MS,
  lockAll,
  lockNew,
  lockOne,
  lockRequest,
  lockWork,
  newTask,
  pick,
  recordOf,
  settle,
  settlement,
} from "./store_harness.ts";

type Store = ClaimingStore & InspectingStore;

async function mustGet(store: Store, slug: string): Promise<TaskDetails> {
  const task = await store.get(slug);
  ok(task, `no task "${slug}"`);
  return task;
}

/** The fields that only `get` shows, but for the time of the creation. */
function detailsOf(task: TaskDetails) {
  const { holder, lastRun, lastError, keepUntil, declared, rerunAt } = task;
  return { holder, lastRun, lastError, keepUntil, declared, rerunAt };
}

const NO_DETAILS = {
  holder: undefined,
  lastRun: undefined,
  lastError: undefined,
  keepUntil: undefined,
  declared: undefined,
  rerunAt: undefined,
};

/** Fails unless `instant` is between the two, give or take a millisecond. */
function between(before: Date, instant: Date | undefined, after: Date): void {
  ok(instant, "expected an instant");
  ok(instant.getTime() >= before.getTime() - 1, "too soon");
  ok(instant.getTime() <= after.getTime() + 1, "too late");
}

/** The store's clock. */
async function clock(store: Store): Promise<Date> {
  return (await store.nextRun({ kinds: [] })).now;
}

const LAST_RUN: LastRun = {
  startedAt: new Date("2020-02-03T04:05:06.007Z"),
  endedAt: new Date("2020-02-03T04:05:07.008Z"),
  outcome: "failed",
};

const LAST_ERROR: StoredError = {
  name: "TypeError",
  message: 'it "broke" – 🎉\n\\',
  stack: "at work.ts:1",
  at: new Date("2020-02-03T04:05:07.009Z"),
};

/** Seeing what a store knows of its tasks. */
export const inspectingCases: Case<Store>[] = [
  {
    name: "get shows every field that create was given",
    async run({ store, another }) {
      const at = new Date("2030-02-03T04:05:06.789Z");
      const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      const declared = { owner: "billing", hash: "0123abcd" };
      const before = await clock(store);
      await createAll(store, [
        newTask("full", {
          kind: "kínd",
          payload,
          trigger: '{"type":"simple","intervalMs":1000}',
          due: { at },
          priority: 4,
          key: "kéy",
          keepMs: 5_000,
          declared,
        }),
      ]);
      const after = await clock(store);
      const task = await mustGet(await another(), "full");
      ok(Number.isSafeInteger(task.version));
      ok(Number.isSafeInteger(task.revision));
      equal(recordOf(task), {
        slug: "full",
        kind: "kínd",
        payload,
        trigger: '{"type":"simple","intervalMs":1000}',
        when: at,
        scheduledFor: at,
        version: task.version,
        token: undefined,
        retry: 0,
        crashes: 0,
        priority: 4,
        key: "kéy",
        revision: task.revision,
        keepMs: 5_000,
        result: "",
        status: "scheduled",
        leaseEnd: undefined,
      });
      equal(detailsOf(task), { ...NO_DETAILS, declared });
      between(before, task.createdAt, after);
      equal(task.payload.constructor, Uint8Array);
    },
  },
  {
    name: "get copies what it answers",
    async run({ store }) {
      const at = new Date("2030-01-01T00:00:00Z");
      await createAll(store, [
        newTask("a", { payload: new Uint8Array([1, 2, 3]), due: { at } }),
      ]);
      const task = await mustGet(store, "a");
      const created = new Date(task.createdAt);
      task.payload[1] = 9;
      task.when.setTime(0);
      task.createdAt.setTime(0);
      const again = await mustGet(store, "a");
      equal([...again.payload], [1, 2, 3]);
      equal(again.when, at);
      equal(again.createdAt, created);
    },
  },
  {
    name: "get copies the last run and the last error",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const startedAt = new Date(LAST_RUN.startedAt);
      const at = new Date(LAST_ERROR.at);
      await settle(store, task, {
        lastRun: { ...LAST_RUN, startedAt },
        lastError: { ...LAST_ERROR, at },
      });
      startedAt.setTime(0);
      at.setTime(0);
      for (let times = 0; times < 2; times++) {
        const { lastRun, lastError } = await mustGet(store, "a");
        equal([lastRun, lastError], [LAST_RUN, LAST_ERROR]);
        lastRun!.endedAt.setTime(0);
        lastError!.at.setTime(0);
      }
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
    name: "getSlugs tells all slugs, whatever their state",
    async run({ store, another }) {
      equal(await store.getSlugs(), []);
      await createDue(store, "failed", "done", "running");
      const tasks = await lockWork(store);
      await settle(store, pick(tasks, "failed"), { status: "failed" });
      await settle(store, pick(tasks, "done"), { status: "done" });
      await createAll(store, [newTask("x", { kind: "other" })]);
      equal(
        (await (await another()).getSlugs()).sort(),
        ["done", "failed", "running", "x"],
      );
    },
  },
  {
    name: "getSlugs tells many slugs",
    async run({ store }) {
      const slugs = Array.from({ length: 320 }, (_, index) => `t${index}`);
      await createDue(store, ...slugs);
      equal((await store.getSlugs()).sort(), [...slugs].sort());
    },
  },
  {
    name: "get finds awkward slugs, and mixes up none",
    async run({ store }) {
      await createDue(store, ...AWKWARD_SLUGS);
      equal((await store.getSlugs()).sort(), [...AWKWARD_SLUGS].sort());
      for (const slug of AWKWARD_SLUGS) {
        equal((await mustGet(store, slug)).slug, slug);
      }
      for (const task of await lockAll(store)) {
        await settle(store, task, { result: task.slug, status: "failed" });
      }
      for (const slug of AWKWARD_SLUGS) {
        equal((await mustGet(store, slug)).result, slug);
      }
    },
  },
  {
    name: "get shows a running task as the claim did, and who holds it",
    async run({ store, another, elapse }) {
      await createDue(store, "a");
      const waiting = await mustGet(store, "a");
      const before = await clock(store);
      const [task] = await store.lock(lockRequest({ holder: "instance 1" }));
      const after = await clock(store);
      const other = await another();
      const running = await mustGet(other, "a");
      equal(recordOf(running), recordOf(task));
      equal(recordOf(running), {
        ...recordOf(waiting),
        status: "running",
        version: task.version,
        token: task.token,
        leaseEnd: task.leaseEnd,
      });
      equal(running.createdAt, waiting.createdAt);
      equal(running.holder?.instance, "instance 1");
      between(before, running.holder?.since, after);

      await elapse(LEASE_MS + 1_000);
      await other.lock(lockRequest({ holder: "instance 2" }));
      const taken = await mustGet(store, "a");
      equal([taken.holder?.instance, taken.crashes], ["instance 2", 1]);
    },
  },
  {
    name: "get shows the state into which a task was settled",
    async run({ store }) {
      await createDue(store, "again", "failed");
      const tasks = await lockWork(store);
      const when = new Date("2031-01-01T00:00:00.123Z");
      const scheduledFor = new Date("2030-12-31T00:00:00.456Z");
      const states = {
        again: { when, scheduledFor, retry: 2, result: "oh – 🎉" },
        failed: { status: "failed", retry: 5, crashes: 1 } as const,
      };
      for (const slug of ["again", "failed"] as const) {
        const task = pick(tasks, slug);
        const { createdAt } = await mustGet(store, slug);
        await settle(store, task, states[slug]);
        const settled = await mustGet(store, slug);
        equal(recordOf(settled), {
          ...recordOf(task),
          status: "scheduled",
          token: undefined,
          leaseEnd: undefined,
          ...states[slug],
        });
        equal(detailsOf(settled), NO_DETAILS);
        equal(settled.createdAt, createdAt);
      }
    },
  },
  {
    name: "a task that is done and not kept is gone",
    async run({ store }) {
      await settle(store, await lockNew(store, "a"));
      equal(await store.get("a"), undefined);
      equal(await store.getSlugs(), []);
    },
  },
  {
    name: "get shows the last run, and a hand-back leaves it as it was",
    async run({ store }) {
      const task = await lockNew(store, "a");
      await settle(store, task, { lastRun: LAST_RUN, retry: 1 });
      equal((await mustGet(store, "a")).lastRun, LAST_RUN);
      const again = await lockOne(store, "a");
      equal((await mustGet(store, "a")).lastRun, LAST_RUN);
      await settle(store, again, { lastRun: undefined });
      equal((await mustGet(store, "a")).lastRun, LAST_RUN);
      for (
        const outcome of [
          "succeeded",
          "failed",
          "skipped",
          "cancelled",
        ] as const
      ) {
        const lastRun: LastRun = { ...LAST_RUN, outcome };
        await settle(store, await lockOne(store, "a"), { lastRun });
        equal((await mustGet(store, "a")).lastRun, lastRun);
      }
    },
  },
  {
    name: "get shows the last error until it is cleared",
    async run({ store }) {
      const task = await lockNew(store, "a");
      await settle(store, task, { lastError: LAST_ERROR });
      equal((await mustGet(store, "a")).lastError, LAST_ERROR);
      await settle(store, await lockOne(store, "a"), { lastError: undefined });
      equal((await mustGet(store, "a")).lastError, LAST_ERROR);
      const other = { ...LAST_ERROR, name: "Other", stack: "" };
      await settle(store, await lockOne(store, "a"), { lastError: other });
      equal((await mustGet(store, "a")).lastError, other);
      await settle(store, await lockOne(store, "a"), { lastError: null });
      equal((await mustGet(store, "a")).lastError, undefined);
    },
  },
  {
    name: "get shows until when a task stays that has ended",
    async run({ store }) {
      for (const status of ["done", "failed", "cancelled"] as const) {
        const task = await lockNew(store, status);
        const before = await clock(store);
        await settle(store, task, { status, keepMs: 100_000 });
        const after = await clock(store);
        const settled = await mustGet(store, status);
        equal(settled.status, status);
        const since = new Date(settled.keepUntil!.getTime() - 100_000);
        between(before, since, after);
      }
      const task = await lockNew(store, "forever");
      await settle(store, task, { status: "done", keepMs: Infinity });
      equal((await mustGet(store, "forever")).keepUntil, undefined);
      const waiting = await lockNew(store, "waiting");
      await settle(store, waiting, { keepMs: 100_000 });
      equal((await mustGet(store, "waiting")).keepUntil, undefined);
    },
  },
  {
    name: "nextRun removes what has stayed long enough, and nothing else",
    async run({ store, elapse }) {
      await createDue(store, "gone", "later", "forever");
      const tasks = await lockWork(store);
      const keepMs = { gone: 10_000, later: 500_000, forever: Infinity };
      for (const slug of ["gone", "later", "forever"] as const) {
        await settle(store, pick(tasks, slug), {
          status: "done",
          keepMs: keepMs[slug],
        });
      }
      await createAll(store, [
        newTask("waiting", { kind: "other", keepMs: 1 }),
      ]);
      await elapse(20_000);
      // It may take several calls, for it removes only some in each.
      for (let calls = 0; calls < 20; calls++) {
        await store.nextRun({ kinds: ["work"] });
        if (await store.get("gone") === undefined) break;
      }
      equal(
        (await store.getSlugs()).sort(),
        ["forever", "later", "waiting"],
      );
    },
  },
  {
    name: "get shows a rerun that is to follow",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const at = new Date("2031-01-01T00:00:00.123Z");
      const later = new Date("2032-01-01T00:00:00Z");
      for (const due of [{ at: later }, { at }, { at: later }]) {
        await createAll(store, [
          newTask("a", { due, onConflict: "rerun" }),
        ], "merged");
      }
      const running = await mustGet(store, "a");
      equal(
        [running.status, running.rerunAt, running.token],
        ["running", at, task.token],
      );
      await settle(store, task, { lastRun: LAST_RUN, status: "done" });
      const waiting = await mustGet(store, "a");
      equal(
        [waiting.status, waiting.when, waiting.rerunAt, waiting.retry],
        ["scheduled", at, undefined, 0],
      );
      equal([waiting.lastRun, waiting.keepUntil], [LAST_RUN, undefined]);
    },
  },
  {
    name: "rerun keeps the time of creation, and replace does not",
    async run({ store, elapse }) {
      const created = async () => (await mustGet(store, "a")).createdAt;
      await settle(store, await lockNew(store, "a"), {
        status: "failed",
        keepMs: 1e9,
        lastRun: LAST_RUN,
        lastError: LAST_ERROR,
      });
      await elapse(30_000);
      const before = await created();
      await createAll(store, [newTask("a", { onConflict: "rerun" })], "merged");
      equal(await created(), before);
      equal((await mustGet(store, "a")).keepUntil, undefined);
      await createAll(store, [newTask("a", { onConflict: "rerun" })], "merged");
      equal(await created(), before);
      await createAll(store, [
        newTask("a", { onConflict: "replace" }),
      ], "replaced");
      ok((await created()).getTime() >= before.getTime() + 30_000);
      equal(detailsOf(await mustGet(store, "a")), NO_DETAILS);
    },
  },
  {
    name: "replace takes the new trigger, due time and declaration",
    async run({ store }) {
      const task = await lockNew(store, "a", {
        trigger: "old",
        declared: { owner: "o", hash: "1" },
      });
      await settle(store, task, {
        status: "failed",
        retry: 3,
        crashes: 2,
        result: "broken",
        keepMs: 1e9,
        lastRun: LAST_RUN,
        lastError: LAST_ERROR,
      });
      const at = new Date("2031-02-03T04:05:06.007Z");
      const declared = { owner: "o", hash: "2" };
      await createAll(store, [
        newTask("a", {
          kind: "other",
          trigger: "new",
          due: { at },
          declared,
          onConflict: "replace",
        }),
      ], "replaced");
      const replaced = await mustGet(store, "a");
      equal(
        [replaced.kind, replaced.trigger, replaced.when, replaced.scheduledFor],
        ["other", "new", at, at],
      );
      equal(
        [replaced.status, replaced.retry, replaced.crashes, replaced.result],
        ["scheduled", 0, 0, ""],
      );
      equal(detailsOf(replaced), { ...NO_DETAILS, declared });
    },
  },
  {
    name: "a call that comes too late leaves no trace",
    async run({ store }) {
      const stale = await lockNew(store, "a");
      await createAll(store, [
        newTask("a", { onConflict: "replace" }),
      ], "replaced");
      const current = await lockOne(store, "a");
      const before = await mustGet(store, "a");
      equal(
        await store.reschedule([
          settlement(stale),
          settlement({ ...current, token: stale.token }, { retry: 7 }),
        ]),
        ["lost", "lost"],
      );
      equal(await store.create([newTask("a"), newTask("b")]), [
        "taken",
        "withheld",
      ]);
      await createAll(store, [newTask("a", { onConflict: "keep" })], "kept");
      equal(await mustGet(store, "a"), before);
      equal(await store.getSlugs(), ["a"]);
    },
  },
];
