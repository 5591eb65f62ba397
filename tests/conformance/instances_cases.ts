import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type {
  ClaimingStore,
  InstanceRecord,
  InstanceStore,
} from "../../src/api/job_store.ts";
import {
  type Case,
  createDue,
  lockNew,
  lockOne,
  settle,
} from "./store_harness.ts";

type Store = ClaimingStore & InstanceStore;

const TIMEOUT_MS = 60_000;

function instance(
  id: string,
  fields: Partial<InstanceRecord> = {},
): InstanceRecord {
  return {
    id,
    name: `host of ${id}`,
    kinds: ["work"],
    slots: 10,
    library: "1.2.3",
    app: undefined,
    startedAt: new Date("2031-01-02T03:04:05.678Z"),
    stopping: false,
    timeoutMs: TIMEOUT_MS,
    ...fields,
  };
}

function notice(store: Store, record: InstanceRecord) {
  return store.nextRun({ kinds: record.kinds, instance: record });
}

async function ids(store: Store): Promise<string[]> {
  return (await store.listInstances()).map(({ id }) => id);
}

/** Knowing who takes part. */
export const instancesCases: Case<Store>[] = [
  {
    name: "nextRun notes who asks, with every field",
    async run({ store, another }) {
      equal(await store.listInstances(), []);
      const record = instance("a", {
        name: "hóst – 🎉",
        kinds: ["x", "ü/y", "z"],
        app: "v7",
        stopping: true,
      });
      const { now: before } = await store.nextRun({ kinds: [] });
      await notice(store, record);
      const { now: after } = await store.nextRun({ kinds: [] });
      const [{ seenAt, ...seen }, ...others] = await (await another())
        .listInstances();
      equal([seen, others], [record, []]);
      ok(seenAt.getTime() >= before.getTime() - 1, "seen too soon");
      ok(seenAt.getTime() <= after.getTime() + 1, "seen too late");
    },
  },
  {
    name: "nextRun copies what it notes, and listInstances what it tells",
    async run({ store }) {
      const kinds = ["work"];
      const startedAt = new Date("2031-01-02T03:04:05.678Z");
      await notice(store, instance("a", { kinds, startedAt }));
      kinds.push("more");
      startedAt.setTime(0);
      for (let times = 0; times < 2; times++) {
        const [seen] = await store.listInstances();
        const { seenAt, ...record } = seen;
        equal(record, instance("a"));
        ok(seenAt.getTime() > 0);
        for (const instant of [seenAt, seen.startedAt]) instant.setTime(0);
      }
    },
  },
  {
    name: "instances are listed in the order of their ids",
    async run({ store, another }) {
      const other = await another();
      for (const id of ["b", "d", "a"]) await notice(store, instance(id));
      await notice(other, instance("c"));
      equal(await ids(store), ["a", "b", "c", "d"]);
      equal(await ids(other), ["a", "b", "c", "d"]);
    },
  },
  {
    name: "an instance without kinds and without an app is noted as well",
    async run({ store }) {
      const record = instance("a", { kinds: [], app: undefined });
      await notice(store, record);
      const [{ seenAt, ...seen }] = await store.listInstances();
      ok(seenAt instanceof Date);
      equal(seen, record);
    },
  },
  {
    name: "who asks again is noted anew, and lives on",
    async run({ store, elapse }) {
      await notice(store, instance("a"));
      const [first] = await store.listInstances();
      await elapse(TIMEOUT_MS * 0.6);
      const changed = instance("a", {
        kinds: ["work", "more"],
        slots: 3,
        stopping: true,
      });
      const { now } = await notice(store, changed);
      await elapse(TIMEOUT_MS * 0.6);
      const [second, ...others] = await store.listInstances();
      equal(others, []);
      equal(
        [second.kinds, second.slots, second.stopping],
        [["work", "more"], 3, true],
      );
      ok(now >= first.seenAt);
    },
  },
  {
    name: "who is not heard of for its own timeout is shown no more",
    async run({ store, elapse }) {
      await notice(store, instance("short", { timeoutMs: 10_000 }));
      await notice(store, instance("long", { timeoutMs: 500_000 }));
      equal(await ids(store), ["long", "short"]);
      await elapse(20_000);
      equal(await ids(store), ["long"]);
      await notice(store, instance("new"));
      equal(await ids(store), ["long", "new"]);
      await elapse(600_000);
      equal(await ids(store), []);
      await notice(store, instance("short", { timeoutMs: 10_000 }));
      equal(await ids(store), ["short"]);
    },
  },
  {
    name: "nextRun without an instance notes nothing",
    async run({ store, elapse }) {
      await notice(store, instance("a"));
      await elapse(TIMEOUT_MS * 0.6);
      await store.nextRun({ kinds: ["work"] });
      await elapse(TIMEOUT_MS * 0.6);
      equal(await ids(store), []);
    },
  },
  {
    name: "nextRun tells the same, whoever asks",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const { when, now } = await notice(store, instance("a"));
      equal(when, task.leaseEnd);
      ok(now < when!);
    },
  },
  {
    name: "removeInstance removes one, and its tasks stay",
    async run({ store, another }) {
      await createDue(store, "x");
      for (const id of ["a", "b", "the holder"]) {
        await notice(store, instance(id));
      }
      const task = await lockOne(store, "x");
      await (await another()).removeInstance("a");
      await store.removeInstance("the holder");
      await store.removeInstance("unknown");
      equal(await ids(store), ["b"]);
      await settle(store, task);
    },
  },
];
