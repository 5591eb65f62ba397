/** An emulator that goes away, lines that are cut, and answers that get lost. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Firestore } from "@google-cloud/firestore";
import type { StoreChange } from "../../src/api/job_store.ts";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { FirestoreStore } from "../../stores/firestore.ts";
import { SimpleTrigger } from "../../triggers/simple_trigger.ts";
import {
  claimOf,
  createDue,
  lockNew,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "../conformance/store_harness.ts";
import {
  connect,
  newCollection,
  startEmulator,
  test,
} from "../helpers/firestore_emulator.ts";
import { FirestoreMeter } from "../helpers/firestore_meter.ts";
import { RecordingLogger } from "../helpers/recording_logger.ts";
import { TcpProxy } from "../helpers/tcp_proxy.ts";
import { until } from "../helpers/until.ts";

/** By itself, a client waits up to two minutes before it connects again. */
const EAGER = { "grpc.max_reconnect_backoff_ms": 500 };

/** A store whose line to the emulator can be cut, and one that has its own. */
class Line implements AsyncDisposable {
  readonly proxy = new TcpProxy(
    new URL(`http://${Deno.env.get("FIRESTORE_EMULATOR_HOST")}`),
  );
  readonly #client: Firestore = connect(this.proxy.port, EAGER);
  readonly #otherClient: Firestore = connect();
  readonly store: FirestoreStore;
  readonly otherStore: FirestoreStore;

  constructor(timeoutMs = 30_000) {
    const collection = newCollection();
    const options = { collection, timeoutMs };
    this.store = new FirestoreStore(this.#client, options);
    this.otherStore = new FirestoreStore(this.#otherClient, options);
  }

  /** Does something of which the first answer to a write gets lost. */
  async losing<T>(act: () => Promise<T>): Promise<T> {
    const { proxy } = this;
    const client = this.#client;
    const { batch, bulkWriter } = client;
    const arm = () => {
      Object.assign(client, { batch, bulkWriter });
      proxy.answers = "cut";
    };
    client.batch = () => {
      arm();
      return client.batch();
    };
    client.bulkWriter = (options) => {
      arm();
      return client.bulkWriter(options);
    };
    const answer = await act();
    assertEquals(proxy.answers, "pass", "no answer was lost");
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.otherStore.clear();
    await this.#client.terminate();
    await this.#otherClient.terminate();
    await this.proxy[Symbol.asyncDispose]();
  }
}

test("Firestore: answers that get lost do no harm", async () => {
  await using line = new Line();
  const { store, otherStore } = line;
  await store.nextRun({ kinds: [] });
  const create = () => store.create([newTask("a"), newTask("b")]);
  assertEquals(await line.losing(create), ["created", "created"]);
  assertEquals(await create(), ["taken", "taken"]);
  const replace = () =>
    store.create([
      newTask("a", { onConflict: "rerun", due: { at: new Date(0) } }),
      newTask("b", { onConflict: "replace" }),
    ]);
  await store.create([newTask("c")]);
  assertEquals(await line.losing(replace), ["merged", "replaced"]);
  assertEquals((await otherStore.get("b"))?.revision, 1);

  const tasks = await line.losing(() => lockWork(store));
  assertEquals(slugsOf(tasks).sort(), ["a", "b", "c"]);
  const claims = tasks.map(claimOf);
  assertEquals(await line.losing(() => store.renew(claims, 60_000)), [
    "held",
    "held",
    "held",
  ]);
  const kept = tasks.map((task) => settlement(task, { result: "kept" }));
  assertEquals(await line.losing(() => store.reschedule(kept)), [
    "settled",
    "settled",
    "settled",
  ]);
  assertEquals((await otherStore.get("b"))?.result, "kept");

  const [task] = await lockWork(store, 1);
  // The client sends a removal again, which then finds nothing to remove.
  await line.losing(() => store.reschedule([settlement(task)]));
  assertEquals((await otherStore.getSlugs()).length, 2);
});

test("Firestore: a store that does not answer is reported, and used again", async () => {
  await using line = new Line(1_000);
  const { store } = line;
  const task = await lockNew(store, "a");
  line.proxy.answers = "hold";
  const settle = () => store.reschedule([settlement(task)]);
  const acts = [
    store.nextRun({ kinds: ["work"] }),
    lockWork(store),
    createDue(store, "b"),
    settle(),
  ];
  for (const outcome of await Promise.allSettled(acts)) {
    assertStringIncludes(
      outcome.status === "rejected" ? `${outcome.reason}` : "an answer",
      "Firestore did not answer within 1000 ms",
    );
  }
  line.proxy.answers = "pass";
  line.proxy.cut();
  for (let left = 1; left > 0;) {
    await settle().catch(() => {});
    left = await store.get("a").then((task) => task ? 1 : 0, () => 1);
  }
});

test("Firestore: a listener survives that its line is cut", async () => {
  await using line = new Line();
  const told: StoreChange[] = [];
  const watch = await line.store.watch((change) => told.push(change));
  line.proxy.cut();
  await createDue(line.otherStore, "a");
  await until(() => told.length > 0);
  line.proxy.cut();
  await createDue(line.otherStore, "b");
  await until(() => told.length > 1);
  await watch[Symbol.asyncDispose]();
});

test("Firestore: a listener starts anew when the client gives up on it", async () => {
  const client = connect();
  const meter = new FirestoreMeter(client);
  const options = { collection: newCollection() };
  const store = new FirestoreStore(meter.client, options);
  const told: StoreChange[] = [];
  const watch = await store.watch((change) => told.push(change));
  meter.breakListeners();
  // It tells that it may have missed something.
  await until(() => told.some(({ when }) => when === undefined));
  await createDue(new FirestoreStore(client, options), "a");
  await until(() => told.some(({ when }) => when !== undefined));
  await watch[Symbol.asyncDispose]();
  await store.clear();
  await client.terminate();
});

/**
 * A listener of the client that waits before it connects again goes on waiting,
 * for up to a minute, when it is unsubscribed and the client terminated.
 */
const CLIENT_LEAVES_TIMER = { sanitizeOps: false, sanitizeResources: false };

test(
  "Firestore: an emulator that restarts without its data is reported, and served again",
  async () => {
    // One goes away, and another stands in its place.
    const starting = startEmulator();
    await using proxy = new TcpProxy(
      new URL(`http://${Deno.env.get("FIRESTORE_EMULATOR_HOST")}`),
    );
    const client = connect(proxy.port, EAGER);
    const options = { collection: newCollection(), timeoutMs: 3_000 };
    const store = new FirestoreStore(client, options);
    const logger = new RecordingLogger();
    const ran: string[] = [];
    const scheduler = new StdScheduler(store, { logger, leaseMs: 5_000 });
    scheduler.registerJob({
      kind: "work",
      execute: ({ slug }) => void ran.push(slug),
    });
    await scheduler.start();
    await scheduler.scheduleJob("before", "work", {
      delayMs: 0,
      trigger: new SimpleTrigger(200),
    });
    await until(() => ran.length >= 2);

    proxy.target = undefined;
    proxy.cut();
    await until(() => logger.messages("error").length > 1);
    const reports = logger.messages("error", "warn");
    assert(reports.some((report) => report.includes("did not answer")));

    await using emulator = await starting;
    proxy.target = new URL(`http://${emulator.host}`);
    await until(() => logger.messages("warn").includes("The store is back"));
    assertEquals(await scheduler.getJobSlugs(), []);
    ran.length = 0;
    await scheduler.scheduleJob("after", "work");
    await until(() => ran.includes("after"));

    await scheduler.stop();
    await client.terminate();
  },
  CLIENT_LEAVES_TIMER,
);
