/** Several processes on one collection, and what can happen to them. */
import { assertEquals } from "@std/assert";
import { FirestoreStore } from "../../stores/firestore.ts";
import { newTask } from "../conformance/store_harness.ts";
import { connect, newCollection, test } from "../helpers/firestore_emulator.ts";
import {
  FirestoreWorker,
  type FirestoreWorkerSettings,
  HELD,
} from "../helpers/firestore_worker.ts";
import { until } from "../helpers/until.ts";

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

  /** Creates tasks: they last until they are let go, or no time at all. */
  async create(slugs: readonly string[], text = ""): Promise<void> {
    const payload = new TextEncoder().encode(text);
    const tasks = slugs.map((slug) => newTask(slug, { payload }));
    const outcomes = slugs.map(() => "created" as const);
    assertEquals(await this.store.create(tasks), outcomes);
  }

  /** Waits until no task is left, and ends the workers. */
  async drain(): Promise<void> {
    await until(async () => (await this.store.getSlugs()).length === 0);
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

test("Firestore: three processes drain 60 tasks, each of them exactly once", async () => {
  await using cluster = new Cluster();
  const one = { concurrency: 4, leaseMs: 30_000 };
  const workers = await cluster.start(one, one, one);
  const shares = () => workers.map((one) => one.said("started").length);
  const first = numbered(12, "first");
  await cluster.create(first, HELD);
  await until(
    () => shares().every((share) => share === 4),
    () => `${shares()}`,
  );
  const second = numbered(48, "second");
  await cluster.create(second);
  for (const worker of workers) await worker.letGo();
  await cluster.drain();
  const ran = workers.flatMap((worker) => worker.said("finished"));
  assertEquals(ran.sort(), [...first, ...second].sort());
  // The client sends a removal again whose answer is late: it is gone by then.
  const logged = workers.flatMap((worker) => worker.said("log"))
    .filter((text) => !/was refused: its claim is gone/.test(text));
  assertEquals(logged, []);
});

test("Firestore: a killed process's task is taken over when its lease ends, and its claim is worth nothing", async () => {
  await using cluster = new Cluster();
  const [victim] = await cluster.start({});
  await cluster.create(["a"], HELD);
  await victim.hear("started");
  const { slug, version, token = 0 } = (await cluster.store.get("a"))!;
  // Without heartbeats, nothing but the end of the lease makes it look.
  const [heir] = await cluster.start({});
  victim.kill("SIGKILL");
  await heir.hear("started");
  const stale = { slug, version, token };
  assertEquals(await cluster.store.renew([stale], 60_000), ["lost"]);
  assertEquals(
    await cluster.store.reschedule([{ ...stale, next: undefined }]),
    ["lost"],
  );
  await heir.letGo();
  await cluster.drain();
  assertEquals(heir.said("finished"), ["a"]);
  assertEquals(victim.said("finished"), []);
});

test("Firestore: a process that was frozen past its lease hears that it lost its task", async () => {
  await using cluster = new Cluster();
  const [frozen] = await cluster.start({});
  await cluster.create(["a"], HELD);
  await frozen.hear("started");
  const [heir] = await cluster.start({});
  frozen.kill("SIGSTOP");
  const [, version] = (await heir.hear("started")).split(" ");
  frozen.kill("SIGCONT");
  assertEquals(await frozen.hear("aborted"), "a JobNotLockedError");
  assertEquals((await cluster.store.get("a"))?.version, Number(version));
  await heir.letGo();
  await cluster.drain();
  assertEquals(frozen.said("finished"), []);
  assertEquals(heir.said("finished"), ["a"]);
});

test("Firestore: processes whose clocks are two hours apart run tasks in time, once", async () => {
  await using cluster = new Cluster();
  const HOUR_MS = 3_600_000;
  await cluster.start({ clockOffsetMs: HOUR_MS }, { clockOffsetMs: -HOUR_MS });
  const slugs = numbered(20, "task");
  await cluster.create(slugs);
  await cluster.drain();
  const ran = cluster.workers.flatMap((worker) => worker.said("finished"));
  assertEquals(ran.sort(), slugs.sort());
});

function numbered(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
