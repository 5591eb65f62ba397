/** Several processes on one collection, and what can happen to them. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { systemClock } from "../../src/api/clock.ts";
import { FirestoreStore } from "../../stores/firestore.ts";
import { newTask } from "../conformance/store_harness.ts";
import { connect, newCollection, test } from "../helpers/firestore_emulator.ts";
import {
  FirestoreWorker,
  type FirestoreWorkerSettings,
} from "../helpers/firestore_worker.ts";

const LEASE_MS = 2_000;

/** A store of this process, and workers on the same collection. */
class Cluster implements AsyncDisposable {
  readonly #client = connect();
  readonly #collection = newCollection();
  readonly store = new FirestoreStore(this.#client, {
    collection: this.#collection,
    timeoutMs: 30_000,
  });
  readonly workers: FirestoreWorker[] = [];

  /** Starts workers, one for each of the settings. */
  async start(
    ...settings: Partial<FirestoreWorkerSettings>[]
  ): Promise<FirestoreWorker[]> {
    const collection = this.#collection;
    const workers = await Promise.all(
      settings.map((own) =>
        FirestoreWorker.start({ collection, leaseMs: LEASE_MS, ...own })
      ),
    );
    this.workers.push(...workers);
    return workers;
  }

  /** Creates tasks that take so many milliseconds. */
  async create(slugs: readonly string[], ms = 0): Promise<void> {
    const payload = new TextEncoder().encode(`${ms}`);
    const tasks = slugs.map((slug) => newTask(slug, { payload }));
    assertEquals(await this.store.create(tasks), []);
  }

  /** Waits until no task is left, and ends the workers. */
  async drain(): Promise<void> {
    for (let tries = 0; (await this.store.getSlugs()).length > 0; tries++) {
      assert(tries < 600, `left: ${await this.store.getSlugs()}`);
      await systemClock.sleep(100);
    }
    await this.#endWorkers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endWorkers();
    await this.store.clear();
    await this.#client.terminate();
  }

  async #endWorkers(): Promise<void> {
    for (const worker of this.workers) await worker[Symbol.asyncDispose]();
  }
}

test("Firestore: three processes drain 300 tasks, each of them exactly once", async () => {
  await using cluster = new Cluster();
  const slugs = Array.from({ length: 300 }, (_, index) => `task-${index}`);
  const one = { concurrency: 4, leaseMs: 30_000 };
  await cluster.start(one, one, one);
  await cluster.create(slugs);
  await cluster.drain();
  const ran = cluster.workers.map((worker) => worker.said("finished"));
  assertEquals(ran.flat().sort(), slugs.sort());
  assert(ran.every((slugs) => slugs.length > 0), "one had nothing to do");
  assertEquals(cluster.workers.flatMap((worker) => worker.said("log")), []);
});

test("Firestore: a killed process's task is taken over within lease + 1 s, and its claim is worth nothing", async () => {
  await using cluster = new Cluster();
  const [victim] = await cluster.start({});
  await cluster.create(["a"], 1_500);
  const [slug, version] = (await victim.hear("started")).split(" ");
  const [heir] = await cluster.start({});
  victim.kill("SIGKILL");
  const killed = performance.now();
  await heir.hear("started");
  assertLess(performance.now() - killed, LEASE_MS + 1_000);
  const stale = { slug, version: Number(version) };
  assertEquals(await cluster.store.renew([stale], 60_000), [false]);
  assertEquals(
    await cluster.store.reschedule([{ ...stale, next: undefined }]),
    [false],
  );
  await cluster.drain();
  assertEquals(heir.said("finished"), ["a"]);
  assertEquals(victim.said("finished"), []);
});

test("Firestore: a process that was frozen past its lease hears that it lost its task", async () => {
  await using cluster = new Cluster();
  const [frozen] = await cluster.start({});
  await cluster.create(["a"], 6_000);
  await frozen.hear("started");
  const [heir] = await cluster.start({});
  frozen.kill("SIGSTOP");
  const [, version] = (await heir.hear("started")).split(" ");
  frozen.kill("SIGCONT");
  assertEquals(await frozen.hear("aborted"), "a JobNotLockedError");
  assertEquals((await cluster.store.get("a"))?.version, Number(version));
  await cluster.drain();
  assertEquals(frozen.said("finished"), []);
  assertEquals(heir.said("finished"), ["a"]);
});

test("Firestore: processes whose clocks are two hours apart run tasks in time, once", async () => {
  await using cluster = new Cluster();
  const HOUR_MS = 3_600_000;
  await cluster.start({ clockOffsetMs: HOUR_MS }, { clockOffsetMs: -HOUR_MS });
  const slugs = Array.from({ length: 20 }, (_, index) => `task-${index}`);
  await cluster.create(slugs, 500);
  await cluster.drain();
  const ran = cluster.workers.flatMap((worker) => worker.said("finished"));
  assertEquals(ran.sort(), slugs.sort());
});
