/** What Firestore charges for: the table in the README, counted. */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/api/clock.ts";
import type { InstanceRecord, NewTask } from "../../src/api/job_store.ts";
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
import {
  connect,
  moveIntoThePast,
  newCollection,
  test,
} from "../helpers/firestore_emulator.ts";
import { type Bill, FirestoreMeter } from "../helpers/firestore_meter.ts";
import { until } from "../helpers/until.ts";

const HOUR_MS = 3_600_000;

/** A clock that runs, and skips time on demand. */
class SkippingClock implements Clock {
  #skippedMs = 0;
  #skip = new AbortController();

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skippedMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const end = this.monotonic() + ms;
    do {
      const skip = this.#skip.signal;
      await systemClock.sleep(
        end - this.monotonic(),
        signal === undefined ? skip : AbortSignal.any([signal, skip]),
      );
    } while (this.monotonic() < end && !signal?.aborted);
  }

  skip(ms: number): void {
    this.#skippedMs += ms;
    this.#skip.abort();
    this.#skip = new AbortController();
  }

  random(): number {
    return 0.5;
  }
}

/**
 * A scheduler on a collection, and what it costs. Nothing is due before hours
 * have passed: it does what a test asks for, however slow it is.
 */
class Household implements AsyncDisposable {
  ran = 0;
  readonly clock = new SkippingClock();
  readonly collection: string;
  readonly #client = connect();
  readonly #meter = new FirestoreMeter(this.#client);
  readonly #gate = Promise.withResolvers<void>();
  readonly store: FirestoreStore;
  readonly scheduler: StdScheduler<FirestoreTransaction>;

  private constructor(options: StdSchedulerOptions, collection: string) {
    this.collection = collection;
    this.store = new FirestoreStore(this.#meter.client, {
      collection,
      timeoutMs: 30_000,
    });
    this.scheduler = new StdScheduler(this.store, {
      clock: this.clock,
      heartbeatMs: 24 * HOUR_MS,
      ...options,
    });
    this.scheduler.registerJob({
      kind: "work",
      execute: async (task) => {
        if (task.text() === "held") await this.#gate.promise;
        this.ran++;
      },
    });
  }

  /** Takes a collection that was used before. */
  static async open(
    options: StdSchedulerOptions = {},
    collection: string = newCollection(),
  ): Promise<Household> {
    const house = new Household(options, collection);
    await new FirestoreStore(house.#client, { collection }).getSlugs();
    return house;
  }

  /** Takes a collection that was never used. */
  static openNew(): Household {
    return new Household({}, newCollection());
  }

  /** Starts the scheduler. */
  async start(): Promise<void> {
    await this.scheduler.start();
    await this.costs(5, 1);
  }

  /** Ends the jobs that are held. */
  letGo(): void {
    this.#gate.resolve();
  }

  /** Lets time pass for the scheduler and for all tasks. */
  async pass(ms: number): Promise<void> {
    await moveIntoThePast(this.#client, this.collection, ms);
    this.clock.skip(ms);
  }

  /**
   * What it cost since the last call, or the start: waits until it is so much,
   * and for what comes on top of it.
   */
  async bill(least: Partial<Bill>): Promise<Bill> {
    for (let looks = 0; looks < 2; looks++) {
      await until(
        () => this.#meter.hasCounted(least),
        () => `no more than ${JSON.stringify(this.#meter.read())}`,
      );
      await delay(50);
    }
    return this.#meter.read();
  }

  /** Fails unless it cost so much since the last call, or the start. */
  async costs(reads: number, writes = 0, deletes = 0): Promise<void> {
    const expected = { reads, writes, deletes };
    assertEquals(await this.bill(expected), expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.stop();
    await this.store.clear();
    await this.#client.terminate();
  }
}

test("Firestore: starting costs 5 reads and 1 write, stopping 1 delete, idling nothing", async () => {
  await using house = await Household.open();
  await house.start();
  await house.pass(20 * HOUR_MS);
  await house.costs(0);
  await house.scheduler.stop();
  await house.costs(0, 0, 1);
});

test("Firestore: the first start on a collection costs 1 read and 1 write more", async () => {
  await using house = Household.openNew();
  await house.scheduler.start();
  await house.costs(6, 2);
});

test("Firestore: a heartbeat costs 1 read", async () => {
  await using house = await Household.open({ heartbeatMs: HOUR_MS });
  await house.start();
  for (let beat = 0; beat < 3; beat++) {
    house.clock.skip(HOUR_MS);
    await house.costs(1);
  }
});

test("Firestore: the record of an instance costs 1 write when it gets old, or changes", async () => {
  await using house = await Household.open();
  const record = {
    id: "a",
    name: "a",
    kinds: ["work"],
    slots: 1,
    library: "1",
    app: undefined,
    startedAt: new Date(0),
    stopping: false,
    timeoutMs: 60_000,
  };
  const ask = (instance: InstanceRecord) =>
    house.store.nextRun({ kinds: ["work"], instance });
  await ask(record);
  // The schema, the next run, and what is to be removed.
  await house.costs(4, 1);
  await ask({ ...record });
  await house.costs(1);
  await ask({ ...record, slots: 2 });
  await house.costs(1, 1);
  const nervous = { ...record, timeoutMs: 10 };
  await ask(nervous);
  await house.costs(1, 1);
  await delay(10);
  await ask(nervous);
  await house.costs(1, 1);
  await house.store.removeInstance("a");
  await house.costs(0, 0, 1);
});

test("Firestore: a one-off costs 3 reads, 2 writes and 1 delete", async () => {
  await using house = await Household.open();
  await house.start();
  await house.scheduler.scheduleJob("now", "work");
  await house.costs(3, 2, 1);
  await house.scheduler.scheduleJob("later", "work", { delayMs: HOUR_MS });
  await house.costs(1, 1);
  await house.pass(HOUR_MS);
  await house.costs(2, 1, 1);
  assertEquals(house.ran, 2);
});

test("Firestore: a run of a recurring task costs 2 reads and 2 writes", async () => {
  await using house = await Household.open();
  await house.start();
  await house.scheduler.scheduleJob("a", "work", {
    trigger: new SimpleTrigger(HOUR_MS),
  });
  await house.costs(1, 1);
  await house.pass(HOUR_MS);
  await house.costs(2, 2);
  assertEquals(house.ran, 1);
});

test("Firestore: a run costs 1 read more if its task comes back within the lease", async () => {
  await using house = await Household.open();
  let ran = 0;
  const stopped = Promise.withResolvers<void>();
  house.scheduler.registerJob({
    kind: "often",
    execute: () => {
      if (++ran === 4) house.scheduler.stop().then(stopped.resolve);
    },
  });
  await house.start();
  await house.scheduler.scheduleJob("a", "often", {
    trigger: new SimpleTrigger(250),
  });
  await stopped.promise;
  const { reads, writes } = await house.bill({ writes: 1 + 8 });
  assertLessOrEqual(reads, 1 + 12);
  assertEquals(writes, 1 + 8);
});

test("Firestore: a renewal costs 1 write", async () => {
  await using house = await Household.open({ leaseMs: 3 * HOUR_MS });
  await house.start();
  await house.scheduler.scheduleJob("a", "work", { payload: "held" });
  await house.costs(3, 2);
  for (let renewal = 0; renewal < 3; renewal++) {
    house.clock.skip(HOUR_MS);
    const { writes, deletes } = await house.bill({ writes: 1 });
    assertEquals([writes, deletes], [1, 0]);
  }
  house.letGo();
  const { writes, deletes } = await house.bill({ deletes: 1 });
  assertEquals([writes, deletes], [0, 1]);
});

/** What it costs to run a backlog, and in how many claims. */
async function drain(
  fields: (n: number) => Partial<NewTask>,
  ...kinds: string[]
): Promise<Bill & { claims: number }> {
  await using creator = await Household.open();
  await creator.store.create(
    Array.from({ length: BACKLOG }, (_, n) => newTask(`task-${n}`, fields(n))),
  );
  // What was announced just now would be read by the listener as well.
  await creator.pass(10_000);
  await using house = await Household.open({}, creator.collection);
  for (const kind of kinds) {
    house.scheduler.registerJob({ kind, execute: () => {} });
  }
  let claims = 0;
  const lock = house.store.lock.bind(house.store);
  house.store.lock = (request) => {
    claims++;
    return lock(request);
  };
  await house.scheduler.start();
  return { ...await house.bill({ deletes: BACKLOG }), claims };
}

/** So many tasks; the emulator is slow while somebody listens to it. */
const BACKLOG = 60;
/** To start, to find that no more is due, and to look for other priorities. */
const AROUND = 20;

test("Firestore: of a backlog, a task costs 1 read, 1 write and 1 delete", async () => {
  const { reads, writes, deletes } = await drain(() => ({}));
  assertLessOrEqual(reads, BACKLOG + AROUND);
  assertEquals([writes, deletes], [BACKLOG + 1, BACKLOG]);
});

test("Firestore: other kinds cost 1 read for a claim at most, if nothing of them is due", async () => {
  const { reads, claims } = await drain(() => ({}), "other", "third");
  assertLessOrEqual(reads, BACKLOG + claims + AROUND);
});

test("Firestore: kinds that take turns cost what one costs, but for where they end", async () => {
  const kinds = ["work", "other"];
  const { reads, writes, deletes } = await drain((n) => ({
    kind: kinds[n % 2],
    due: { at: new Date(1e9 + n % 2 * 1_000) },
  }), "other");
  assertLessOrEqual(reads, BACKLOG + 10 + AROUND);
  assertEquals([writes, deletes], [BACKLOG + 1, BACKLOG]);
});

test("Firestore: where priorities are in use, a claim costs 1 read more for each of them", async () => {
  const { reads, writes, deletes, claims } = await drain((n) => ({
    priority: n % 2 + 2,
  }));
  assertLessOrEqual(reads, BACKLOG + 2 * claims + AROUND);
  assertEquals([writes, deletes], [BACKLOG + 1, BACKLOG]);
});

test("Firestore: every other process pays 1 read for a creation, and few more for a run", async () => {
  await using busy = await Household.open();
  await using other = await Household.open({}, busy.collection);
  await busy.start();
  await other.start();
  await busy.scheduler.scheduleJob("a", "work", { delayMs: HOUR_MS });
  await Promise.all([busy.costs(1, 1), other.costs(1)]);
  await busy.pass(HOUR_MS);
  other.clock.skip(HOUR_MS);
  await until(() => busy.ran + other.ran > 0);
  const bills = await Promise.all([busy.bill({}), other.bill({})]);
  assertEquals(busy.ran + other.ran, 1);
  // The one that runs the task, and the one that finds it taken.
  assertLessOrEqual(bills[0].reads + bills[1].reads, 2 + 4);
});

test("Firestore: creating many costs 1 write each, and keeping 1 read", async () => {
  await using house = await Household.open();
  const many = (onConflict: "error" | "keep") =>
    Array.from({ length: 400 }, (_, n) => newTask(`task-${n}`, { onConflict }));
  await house.store.create(many("error"));
  // The first request of a process reads the schema.
  await house.costs(1, 400);
  await house.store.create(many("keep").slice(0, 10));
  const { reads, deletes } = await house.bill({ reads: 10 });
  assertEquals([reads, deletes], [10, 0]);
});
