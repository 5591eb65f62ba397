/** What Firestore charges for: the table in the README, counted. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { systemClock } from "../../src/api/clock.ts";
import {
  StdScheduler,
  type StdSchedulerOptions,
} from "../../triggers/std_scheduler.ts";
import {
  FirestoreStore,
  type FirestoreTransaction,
} from "../../stores/firestore.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import { newTask } from "../conformance/store_harness.ts";
import { connect, newCollection, test } from "../helpers/firestore_emulator.ts";
import { type Bill, FirestoreMeter } from "../helpers/firestore_meter.ts";

/** Long enough for what a change sets off. */
const SETTLED_MS = 400;

/** A scheduler that idles, on a collection of its own, and what it costs. */
class Household implements AsyncDisposable {
  ran = 0;
  readonly #client = connect();
  readonly #meter = new FirestoreMeter(this.#client);
  readonly store: FirestoreStore;
  readonly scheduler: StdScheduler<FirestoreTransaction>;

  constructor(
    collection: string = newCollection(),
    options: StdSchedulerOptions = {},
  ) {
    this.store = new FirestoreStore(this.#meter.client, {
      collection,
      timeoutMs: 30_000,
    });
    this.scheduler = new StdScheduler(this.store, options);
    this.scheduler.registerJob({
      kind: "work",
      execute: async (task) => {
        await systemClock.sleep(Number(task.text()));
        this.ran++;
      },
    });
  }

  /** What it cost since the last call, when everything has settled. */
  async bill(): Promise<Bill> {
    await systemClock.sleep(SETTLED_MS);
    return this.#meter.read();
  }

  /** Waits until so many runs have ended. */
  async hasRun(runs: number): Promise<void> {
    const giveUp = performance.now() + 30_000;
    while (this.ran < runs) {
      assert(performance.now() < giveUp, `only ${this.ran} runs`);
      await systemClock.sleep(5);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.stop();
    await this.store.clear();
    await this.#client.terminate();
  }
}

test("Firestore: starting costs 3 reads, idling nothing", async () => {
  await using house = new Household();
  await house.scheduler.start();
  assertEquals(await house.bill(), { reads: 3, writes: 0, deletes: 0 });
  assertEquals(await house.bill(), { reads: 0, writes: 0, deletes: 0 });
  await house.scheduler.stop();
  assertEquals(await house.bill(), { reads: 0, writes: 0, deletes: 0 });
});

test("Firestore: a heartbeat costs 1 read", async () => {
  await using house = new Household(newCollection(), { heartbeatMs: 700 });
  await house.scheduler.start();
  await house.bill();
  await systemClock.sleep(400);
  assertEquals(await house.bill(), { reads: 1, writes: 0, deletes: 0 });
});

test("Firestore: a one-off costs 3 reads, 2 writes and 1 delete", async () => {
  await using house = new Household();
  await house.scheduler.start();
  await house.bill();
  await house.scheduler.scheduleJob("a", "work", {
    delayMs: 300,
    payload: "0",
  });
  assertEquals(await house.bill(), { reads: 3, writes: 2, deletes: 1 });
  await house.scheduler.scheduleJob("b", "work", { payload: "0" });
  assertEquals(await house.bill(), { reads: 3, writes: 2, deletes: 1 });
  assertEquals(house.ran, 2);
});

test("Firestore: a run of a recurring task costs 2 reads and 2 writes", async () => {
  await using house = new Household(newCollection(), { leaseMs: 1_000 });
  await house.scheduler.start();
  await house.scheduler.scheduleJob("a", "work", {
    delayMs: 1_000,
    trigger: new SimpleTrigger(60_000),
    payload: "0",
  });
  await house.bill();
  await house.hasRun(1);
  assertEquals(await house.bill(), { reads: 2, writes: 2, deletes: 0 });
});

test("Firestore: a run costs 1 read more if its task comes back within the lease", async () => {
  await using house = new Household();
  await house.scheduler.start();
  await house.scheduler.scheduleJob("a", "work", {
    delayMs: 1_000,
    trigger: new SimpleTrigger(1_000),
    payload: "0",
  });
  await house.bill();
  await house.hasRun(4);
  const { reads, writes } = await house.bill();
  assertLessOrEqual(reads, 12);
  assertEquals(writes, 8);
});

test("Firestore: a renewal costs 1 write", async () => {
  await using house = new Household(newCollection(), { leaseMs: 900 });
  await house.scheduler.start();
  await house.bill();
  // Renewed after 300, 600 and 900 ms.
  await house.scheduler.scheduleJob("a", "work", { payload: "1050" });
  await house.hasRun(1);
  const { writes, deletes } = await house.bill();
  assertEquals([writes, deletes], [2 + 3, 1]);
});

test("Firestore: of a backlog, a task costs little more than 1 read, 1 write and 1 delete", async () => {
  const collection = newCollection();
  await using creator = new Household(collection);
  const payload = new TextEncoder().encode("0");
  await creator.store.create(
    Array.from({ length: 200 }, (_, n) => newTask(`task-${n}`, { payload })),
  );
  await using house = new Household(collection);
  await house.scheduler.start();
  await house.hasRun(200);
  const { reads, writes, deletes } = await house.bill();
  assertLessOrEqual(reads, 280);
  assertEquals([writes, deletes], [200, 200]);
});

test("Firestore: every other process pays 1 read for a creation, and few more for a run", async () => {
  const collection = newCollection();
  await using busy = new Household(collection);
  await using other = new Household(collection);
  await busy.scheduler.start();
  await other.scheduler.start();
  await other.bill();
  const options = { delayMs: 3_600_000, payload: "0" };
  await busy.scheduler.scheduleJob("later", "work", options);
  assertEquals(await other.bill(), { reads: 1, writes: 0, deletes: 0 });
  await busy.scheduler.scheduleJob("soon", "work", {
    delayMs: 1_000,
    payload: "0",
  });
  await Promise.all([busy.bill(), other.bill()]);
  await systemClock.sleep(800);
  const bills = [await busy.bill(), await other.bill()];
  assertEquals(busy.ran + other.ran, 1);
  // The one that runs the task, and the one that finds it taken.
  assertLessOrEqual(bills[0].reads + bills[1].reads, 2 + 4);
});

test("Firestore: creating many costs 1 write each, and keeping 1 read", async () => {
  await using house = new Household();
  const many = (onConflict: "error" | "keep") =>
    Array.from({ length: 400 }, (_, n) => newTask(`task-${n}`, { onConflict }));
  await house.store.create(many("error"));
  // The first request of a process asks for the server's clock.
  assertEquals(await house.bill(), { reads: 1, writes: 400, deletes: 0 });
  await house.store.create(many("keep").slice(0, 10));
  const { reads, deletes } = await house.bill();
  assertEquals([reads, deletes], [10, 0]);
});
