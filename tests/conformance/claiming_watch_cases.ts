import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { ClaimingStore, StoreChange } from "../../src/api/job_store.ts";
import {
  type Case,
  createAll,
  createDue,
  lockNew,
  newTask,
  settle,
  type StoreHarness,
} from "./store_harness.ts";

/** Gathers what a watch tells. */
class Watcher {
  readonly changes: StoreChange[] = [];
  readonly #patienceMs: number;
  #watch: AsyncDisposable | undefined;

  static async on(
    store: ClaimingStore,
    { patienceMs = 10_000 }: StoreHarness<ClaimingStore>,
  ): Promise<Watcher> {
    const watcher = new Watcher(patienceMs);
    watcher.#watch = await store.watch((change) =>
      watcher.changes.push(change)
    );
    return watcher;
  }

  private constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Waits until it was told of a task of `kind` that is due by `when`. */
  async toldOf(kind: string, when: Date): Promise<void> {
    for (let waited = 0; waited < this.#patienceMs; waited += 5) {
      if (this.changes.some((change) => covers(change, kind, when))) return;
      await delay(5);
    }
    throw new Error(`not told within ${this.#patienceMs} ms`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch?.[Symbol.asyncDispose]();
  }
}

function covers(change: StoreChange, kind: string, when: Date): boolean {
  return (change.kinds?.includes(kind) ?? true) &&
    (change.when === undefined || change.when <= when);
}

/** Hearing of changes. */
export const claimingWatchCases: Case<ClaimingStore>[] = [
  {
    name: "watch tells of tasks that were created here or elsewhere",
    async run(harness, use) {
      const { store, another } = harness;
      const other = await another();
      const here = use(await Watcher.on(store, harness));
      const elsewhere = use(await Watcher.on(other, harness));
      const at = new Date("2031-01-01T00:00:00Z");
      await store.create([newTask("a", { kind: "a", due: { at } })]);
      await here.toldOf("a", at);
      await elsewhere.toldOf("a", at);
      await other.create([newTask("b", { kind: "b", due: { at } })]);
      await here.toldOf("b", at);
      await elsewhere.toldOf("b", at);
    },
  },
  {
    name: "watch tells of a task that comes back before its lease ends",
    async run(harness, use) {
      const { store, another } = harness;
      const task = await lockNew(store, "a");
      const other = await another();
      const here = use(await Watcher.on(store, harness));
      const elsewhere = use(await Watcher.on(other, harness));
      await settle(store, task, {});
      await here.toldOf("work", task.leaseEnd!);
      await elsewhere.toldOf("work", task.leaseEnd!);
    },
  },
  {
    name: "watch tells of a task that was replaced, or that is to run again",
    async run(harness, use) {
      const { store, another } = harness;
      await createAll(store, [
        newTask("a", { kind: "a", due: { inMs: 3_600_000 } }),
        newTask("b", { kind: "b", due: { inMs: 3_600_000 } }),
      ]);
      const other = await another();
      const here = use(await Watcher.on(store, harness));
      const elsewhere = use(await Watcher.on(other, harness));
      const at = new Date("2020-01-01T00:00:00Z");
      await store.create([
        newTask("a", { kind: "a", due: { at }, onConflict: "replace" }),
        newTask("b", { kind: "b", due: { at }, onConflict: "rerun" }),
      ]);
      for (const kind of ["a", "b"]) {
        await here.toldOf(kind, at);
        await elsewhere.toldOf(kind, at);
      }
    },
  },
  {
    name: "watch tells of a rerun when the run before it ends",
    async run(harness, use) {
      const { store, another } = harness;
      const task = await lockNew(store, "a");
      await store.create([newTask("a", { onConflict: "rerun" })]);
      const other = await another();
      const here = use(await Watcher.on(store, harness));
      const elsewhere = use(await Watcher.on(other, harness));
      await settle(store, task);
      await here.toldOf("work", task.leaseEnd!);
      await elsewhere.toldOf("work", task.leaseEnd!);
    },
  },
  {
    name: "watch tells nothing more once it is disposed of",
    async run(harness, use) {
      const { store, another } = harness;
      const ended = use(await Watcher.on(store, harness));
      const other = use(await Watcher.on(store, harness));
      await ended[Symbol.asyncDispose]();
      ended.changes.length = 0;
      await createDue(await another(), "a");
      await other.toldOf("work", new Date("2999-01-01T00:00:00Z"));
      equal(ended.changes, []);
    },
  },
  {
    name: "a watch that throws fails no creation, and no other watch",
    async run(harness, use) {
      const { store } = harness;
      use(
        await store.watch(() => {
          throw new Error("broken");
        }),
      );
      const watcher = use(await Watcher.on(store, harness));
      await createDue(store, "a");
      await watcher.toldOf("work", new Date("2999-01-01T00:00:00Z"));
    },
  },
  {
    name: "two watches of one store end one by one",
    async run(harness, use) {
      const { store } = harness;
      const first = use(await Watcher.on(store, harness));
      const second = use(await Watcher.on(store, harness));
      await first[Symbol.asyncDispose]();
      await createDue(store, "a");
      await second.toldOf("work", new Date("2999-01-01T00:00:00Z"));
      await second[Symbol.asyncDispose]();
      ok(second.changes.length > 0);
    },
  },
];
