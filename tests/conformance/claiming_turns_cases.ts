import { deepStrictEqual as equal } from "node:assert/strict";
import type { ClaimingStore } from "../../src/api/job_store.ts";
import {
  type Case,
  createAll,
  fromNow,
  LEASE_MS,
  lockAll,
  lockKinds,
  lockOne,
  lockRequest,
  newTask,
  slugsOf,
} from "./store_harness.ts";

/**
 * Creates tasks named by kind, priority and number, such as `"x3.2"`; the
 * smaller the number, the longer it has been due, all within a second.
 */
async function createOverdue(
  store: ClaimingStore,
  names: readonly string[],
  overdueMs = 5_000,
): Promise<void> {
  const since = await fromNow(store, -overdueMs);
  await createAll(
    store,
    names.map((slug) => {
      const [, kind, priority, number] = /^(\D+)(\d)\.(\d+)$/.exec(slug)!;
      const at = new Date(since.getTime() + 10 * Number(number));
      return newTask(slug, { kind, priority: Number(priority), due: { at } });
    }),
  );
}

/** Claims until there is nothing more; returns the slugs in their order. */
async function drain(
  store: ClaimingStore,
  kinds: readonly string[],
): Promise<string[]> {
  return slugsOf(
    await lockAll(store, { kinds: kinds.map((kind) => ({ kind })) }),
  );
}

/** Who goes first: lanes, priorities and turns. */
export const claimingTurnsCases: Case<ClaimingStore>[] = [
  {
    name: "kinds of equal priority take turns, each soonest first",
    async run({ store }) {
      await createOverdue(store, [
        ...["x3.1", "x3.2", "x3.3"],
        ...["y3.4", "y3.5", "y3.6"],
      ]);
      equal(await lockKinds(store, ["x", "y"], 4), [
        ...["x3.1", "y3.4"],
        ...["x3.2", "y3.5"],
      ]);
      equal(await lockKinds(store, ["x", "y"], 10), ["x3.3", "y3.6"]);
    },
  },
  {
    name: "turns go in the order of the request",
    async run({ store }) {
      const names = ["x3.1", "x3.2", "y3.3", "y3.4", "z3.5", "z3.6"];
      await createOverdue(store, names);
      equal(await lockKinds(store, ["z", "x", "y"], 3), [
        "z3.5",
        "x3.1",
        "y3.3",
      ]);
      equal(await lockKinds(store, ["y", "z", "x"], 2), ["y3.4", "z3.6"]);
      equal(await lockKinds(store, ["y", "z", "x"], 2), ["x3.2"]);
    },
  },
  {
    name: "a backlog of one kind does not hold up the others",
    async run({ store }) {
      const backlog = Array.from({ length: 30 }, (_, i) => `x3.${i}`);
      await createOverdue(store, backlog, 3_600_000);
      await createOverdue(store, ["y3.1", "z3.1"]);
      equal(await lockKinds(store, ["x", "y", "z"], 3), [
        "x3.0",
        "y3.1",
        "z3.1",
      ]);
    },
  },
  {
    name: "more kinds than the limit: each has its turn as the order moves on",
    async run({ store }) {
      const kinds = [..."abcdefghijkl"];
      await createOverdue(store, kinds.map((kind) => `${kind}3.1`));
      const first = (names: readonly string[]) =>
        names.map((kind) => `${kind}3.1`);
      equal(await lockKinds(store, kinds, 5), first(kinds.slice(0, 5)));
      const moved = [...kinds.slice(7), ...kinds.slice(0, 7)];
      equal(await lockKinds(store, moved, 5), first(kinds.slice(7)));
      equal(await lockKinds(store, moved, 5), first(kinds.slice(5, 7)));
    },
  },
  {
    name: "lanes of a lower priority number go first",
    async run({ store }) {
      const names = ["x4.1", "y3.2", "x2.3", "y1.4", "x1.5"];
      await createOverdue(store, names);
      equal(await drain(store, ["x", "y"]), [
        "x1.5",
        "y1.4",
        "x2.3",
        "y3.2",
        "x4.1",
      ]);
    },
  },
  {
    name: "the priorities of a kind take turns within its limit",
    async run({ store }) {
      await createOverdue(store, ["x1.1", "x1.2", "x4.1", "x4.2"], 3_600_000);
      const kinds = [{ kind: "x", limit: 2 }];
      const lock = async () =>
        slugsOf(await store.lock(lockRequest({ kinds }))).sort();
      equal(await lock(), ["x1.1", "x4.1"]);
      equal(await lock(), ["x1.2", "x4.2"]);
    },
  },
  {
    name: "an urgent task passes a backlog of its kind",
    async run({ store }) {
      await createOverdue(store, ["x3.1", "x3.2", "x3.3", "x3.4"]);
      await createOverdue(store, ["x1.9"]);
      equal(await lockKinds(store, ["x"], 1), ["x1.9"]);
      equal(await lockKinds(store, ["x"], 1), ["x3.1"]);
    },
  },
  {
    name: "a task that waits gains one priority for each minute",
    async run({ store }) {
      // Two minutes and a half: from 4 to 2, before 3 and after 1.
      await createOverdue(store, ["x4.1"], 150_000);
      await createOverdue(store, ["y3.1", "y1.1"]);
      equal(await drain(store, ["y", "x"]), ["y1.1", "x4.1", "y3.1"]);
    },
  },
  {
    name: "a task that has waited for long takes turns with the most urgent",
    async run({ store }) {
      await createOverdue(store, ["x4.1", "x4.2"], 3_600_000);
      await createOverdue(store, ["y1.1", "y1.2"]);
      equal(await lockKinds(store, ["y", "x"], 4), [
        ...["y1.1", "x4.1"],
        ...["y1.2", "x4.2"],
      ]);
    },
  },
  {
    name: "a backlog raises all kinds of its priority, also fresh ones",
    async run({ store }) {
      await createOverdue(store, ["x3.1", "x3.2"], 90_000);
      await createOverdue(store, ["y3.1", "z2.1"]);
      equal(await lockKinds(store, ["y", "z", "x"], 3), [
        "y3.1",
        "z2.1",
        "x3.1",
      ]);
    },
  },
  {
    name: "a task whose lease has ended waits in its lane from then on",
    async run({ store, elapse }) {
      await createOverdue(store, ["x3.1"], 3_600_000);
      equal(await lockKinds(store, ["x"], 1), ["x3.1"]);
      await elapse(LEASE_MS + 10_000);
      await createOverdue(store, ["x3.2"], 20_000);
      await createOverdue(store, ["x3.3"], 1_000);
      equal(await lockKinds(store, ["x"], 5), ["x3.2", "x3.1", "x3.3"]);
    },
  },
  {
    name: "what is not due does not hold up what is, whatever its priority",
    async run({ store }) {
      await createAll(store, [
        newTask("later", { priority: 1, due: { inMs: 3_600_000 } }),
        newTask("now", { priority: 4 }),
      ]);
      await lockOne(store, "now");
      equal(await store.lock(lockRequest()), []);
    },
  },
];
