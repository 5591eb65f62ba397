/** What is particular about the Firestore store. */
import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertRejects,
  assertThrows,
} from "@std/assert";
import type { Firestore } from "@google-cloud/firestore";
import indexes from "../../firestore.indexes.json" with { type: "json" };
import { JobAlreadyScheduledError } from "../../src/api/errors.ts";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import {
  type FirestoreClient,
  type FirestoreQuery,
  FirestoreStore,
  type FirestoreStoreOptions,
} from "../../stores/firestore.ts";
import { documentId } from "../../stores/firestore/document.ts";
import { TASK_FIELDS } from "../../stores/firestore/fields.ts";
import {
  claimOf,
  createAll,
  createDue,
  lockKinds,
  lockNew,
  lockRequest,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "../conformance/store_harness.ts";
import { connect, newCollection, test } from "../helpers/firestore_emulator.ts";
import { until } from "../helpers/until.ts";

/** Stores on one collection, each with a client of its own. */
class Stage implements AsyncDisposable {
  readonly collection = newCollection();
  readonly #clients: Firestore[] = [];

  /** Makes a client, and a store with it. */
  open(
    options: FirestoreStoreOptions = {},
  ): { client: Firestore; store: FirestoreStore } {
    const client = connect();
    this.#clients.push(client);
    const { collection } = this;
    const settings = { collection, timeoutMs: 30_000, ...options };
    return { client, store: new FirestoreStore(client, settings) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open().store.clear();
    for (const client of this.#clients) await client.terminate();
  }
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `task-${1_000 + n}`);
}

Deno.test("Firestore: options that make no sense are refused", () => {
  const fake = {
    collection: () => ({}),
    getAll() {},
    batch() {},
    bulkWriter() {},
  } as unknown as FirestoreClient;
  const make = (options: unknown) => () =>
    new FirestoreStore(fake, options as FirestoreStoreOptions);
  assertThrows(
    () => new FirestoreStore({} as FirestoreClient),
    TypeError,
    "Cannot make a store without a client",
  );
  for (
    const [collection, reason] of [
      ["", "a segment is empty"],
      ["a/b", "the path of a document"],
      ["/a", "a segment is empty"],
      ["a//b", "a segment is empty"],
      ["a/b/", "a segment is empty"],
      [".", 'Firestore reserves "."'],
      ["a/../b", 'Firestore reserves ".."'],
      ["__x__", 'Firestore reserves "__x__"'],
      ["a/__id7__/b", 'Firestore reserves "__id7__"'],
      ["a\0", "without NUL"],
      ["\ud800", "without lone surrogates"],
      ["ü".repeat(751), "at most 1500 bytes"],
    ]
  ) {
    assertThrows(make({ collection }), RangeError, reason);
  }
  assertThrows(make({ collection: 7 }), TypeError, "expected a string");
  for (const shards of [0, 31, 1.5, NaN, "2"]) {
    assertThrows(make({ shards }), RangeError, "an integer from 1 to 30");
  }
  for (const timeoutMs of [0, NaN, Infinity, "1000"]) {
    assertThrows(make({ timeoutMs }), RangeError, "Cannot use timeoutMs");
  }
  make({ collection: "a/b/c", shards: 30, timeoutMs: 100 })();
});

Deno.test("Firestore: the names of documents are readable, distinct and allowed", () => {
  const names: Record<string, string> = {
    "report-7": "report-7",
    "daily/report": "daily%2Freport",
    "100%": "100%25",
    "%2F": "%252F",
    ".": "%2E",
    "..": "%2E.",
    "...": "...",
    "__x__": "%5F_x__",
    "__": "%5F_",
    "_x_": "_x_",
    "grün": "grün",
  };
  for (const [slug, name] of Object.entries(names)) {
    assertEquals(documentId(slug), name);
    assertEquals(decodeURIComponent(name), slug);
  }
});

Deno.test("Firestore: firestore.indexes.json names the fields of a task", () => {
  const exempt = indexes.fieldOverrides.map(({ fieldPath }) => fieldPath);
  assertEquals(exempt.sort(), [...TASK_FIELDS].sort());
  const indexed = indexes.indexes.flatMap(({ fields }) => fields);
  assert(indexed.every(({ fieldPath }) => exempt.includes(fieldPath)));
});

test("Firestore: firestore.indexes.json names the index of each query", async () => {
  await using stage = new Stage();
  const client = connect();
  const asked = new Set<string>();
  const spy = <Query extends FirestoreQuery>(
    query: Query,
    fields: readonly string[],
  ): Query =>
    new Proxy(query, {
      get(target, name) {
        // deno-lint-ignore no-explicit-any
        const method = (target as any)[name].bind(target);
        if (name === "get" || name === "onSnapshot") {
          if (fields.length > 1) asked.add([...new Set(fields)].join(" "));
          return method;
        }
        return (...args: unknown[]) => {
          const isField = name === "where" || name === "orderBy";
          const result = method(...args);
          return name === "doc"
            ? result
            : spy(result, isField ? [...fields, String(args[0])] : fields);
        };
      },
    });
  const collection = client.collection.bind(client);
  client.collection = (path) => spy(collection(path), []);
  const store = new FirestoreStore(client, { collection: stage.collection });
  await (await store.watch(() => {}))[Symbol.asyncDispose]();
  await store.create([
    newTask("a", { priority: 1 }),
    newTask("b"),
    newTask("c", { kind: "other" }),
  ]);
  await store.nextRun({ kinds: ["work"] });
  for (let round = 0; round < 3; round++) {
    const kinds = [{ kind: "work" }, { kind: "other" }];
    await store.lock(lockRequest({ kinds, limit: 1 }));
  }
  await store.getSlugs();
  await client.terminate();
  const known = indexes.indexes
    .map(({ fields }) => fields.map(({ fieldPath }) => fieldPath).join(" "));
  assertEquals([...asked].sort(), known.sort());
});

test("Firestore: a new document has no fields for what it does without", async () => {
  await using stage = new Stage();
  const { client, store } = stage.open();
  const fields = async () => {
    const { docs } = await client.collection(stage.collection).get();
    return Object.entries(docs[0].data())
      .filter(([, value]) => value !== null).map(([name]) => name).sort();
  };
  await createDue(store, "a");
  const created = [
    ...["announcedAt", "announcedBy", "claimableAt", "creation", "kind"],
    ...["payload", "priority", "scheduledFor", "shard", "slug", "status"],
    "when",
  ];
  assertEquals(await fields(), created);
  const [task] = await lockWork(store);
  await store.reschedule([settlement(task, { when: new Date(9e12) })]);
  const settled = created.filter((name) => !name.startsWith("announced"));
  assertEquals(await fields(), [...settled, "settlement", "version"].sort());
});

test("Firestore: tasks over several shards are claimed soonest first", async () => {
  await using stage = new Stage();
  const { client, store } = stage.open({ shards: 7 });
  const slugs = numbered(40);
  await store.create(
    slugs.map((slug, second) =>
      newTask(slug, {
        due: { at: new Date(Date.UTC(2001, 0, 1, 0, 0, second)) },
      })
    ),
  );
  const { docs } = await client.collection(stage.collection).get();
  assert(new Set(docs.map((document) => document.get("shard"))).size > 1);
  assertEquals(
    (await store.nextRun({ kinds: ["work"] })).when,
    new Date(Date.UTC(2001, 0, 1)),
  );
  const claimed = [...await lockWork(store, 25), ...await lockWork(store, 25)];
  assertEquals(slugsOf(claimed), slugs);
});

test("Firestore: more kinds than fit into one query, over several shards", async () => {
  await using stage = new Stage();
  const { store } = stage.open({ shards: 4 });
  const kinds = Array.from({ length: 40 }, (_, n) => `kind-${n}`);
  const at = (n: number) => new Date(Date.UTC(2001, 0, 1, 0, (n * 7) % 40));
  await store.create(
    kinds.map((kind, n) => newTask(kind, { kind, due: { at: at(n) } })),
  );
  assertEquals((await store.nextRun({ kinds })).when, at(0));
  const claimed = await lockKinds(store, kinds, 30);
  assertEquals(claimed, kinds.slice(0, 30));
  assertEquals(await lockKinds(store, kinds, 30), kinds.slice(30));
});

test("Firestore: nothing of 1,100 tasks is created if the last is taken", async () => {
  await using stage = new Stage();
  const { store } = stage.open();
  await createDue(store, "taken");
  const tasks = [...numbered(1_099), "taken"].map((slug) => newTask(slug));
  const outcomes = tasks.map(({ slug }) =>
    slug === "taken" ? "taken" : "withheld"
  );
  assertEquals(await store.create(tasks), outcomes);
  assertEquals(await store.getSlugs(), ["taken"]);
  await createAll(store, tasks.slice(0, -1));
  assertEquals((await store.getSlugs()).length, 1_100);
  await store.clear();
  assertEquals(await store.getSlugs(), []);
});

test("Firestore: what was created is taken back if another process is faster halfway", async () => {
  await using stage = new Stage();
  const { client, store } = stage.open();
  // Between the look for taken slugs and the first batch, a rival comes.
  const getAll = client.getAll.bind(client);
  let rivals: Promise<void> | undefined;
  client.getAll = async (...refs) => {
    const documents = await getAll(...refs);
    if (refs.length > 1) {
      await (rivals ??= createDue(stage.open().store, "task-1700"));
    }
    return documents;
  };
  const tasks = numbered(800).map((slug) => newTask(slug));
  const outcomes = tasks.map(({ slug }) =>
    slug === "task-1700" ? "taken" : "withheld"
  );
  assertEquals(await store.create(tasks), outcomes);
  assertEquals(await store.getSlugs(), ["task-1700"]);
});

test("Firestore: many payloads as large as can be are created and settled", async () => {
  await using stage = new Stage();
  const { store } = stage.open();
  const payload = new Uint8Array(store.maxPayloadBytes).fill(7);
  const slugs = numbered(7);
  await store.create(slugs.map((slug) => newTask(slug, { payload })));
  const tasks = await lockWork(store);
  const larger = new Uint8Array(store.maxPayloadBytes).fill(8);
  const result = "\u{fffd}".repeat(65_536);
  const effects = await store.reschedule(
    tasks.map((task) => settlement(task, { payload: larger, result })),
  );
  assertEquals(effects, slugs.map(() => "settled"));
  const task = await store.get(slugs[6]);
  assertEquals([task?.payload.at(-1), task?.result], [8, result]);
});

test("Firestore: tasks join a transaction of the user, or none of it takes place", async () => {
  await using stage = new Stage();
  const { client, store } = stage.open();
  const scheduler = new StdScheduler(store);
  await createDue(store, "old");
  const orders = client.collection(`${stage.collection}/x/orders`);
  const order = (id: string, slug: string, onConflict?: "keep") =>
    client.runTransaction(async (transaction) => {
      await transaction.get(orders.doc(id));
      await scheduler.scheduleJobs([
        { slug, job: "work", onConflict },
        { slug: `replaced-${id}`, job: "work", onConflict: "replace" },
      ], { transaction });
      transaction.create(orders.doc(id), { slug });
    });
  await order("1", "new");
  await assertRejects(() => order("2", "old"), JobAlreadyScheduledError);
  await order("3", "old", "keep");
  assertEquals(
    (await store.getSlugs()).sort(),
    ["new", "old", "replaced-1", "replaced-3"],
  );
  const { docs } = await orders.get();
  assertEquals(docs.map(({ id }) => id), ["1", "3"]);
  await Promise.all(docs.map(({ ref }) => ref.delete()));
});

test("Firestore: a task of a committed transaction wakes its own process", async () => {
  await using stage = new Stage();
  const { client, store } = stage.open();
  const ran = Promise.withResolvers<void>();
  await using scheduler = new StdScheduler(store, { heartbeatMs: 3_600_000 });
  scheduler.registerJob({ kind: "work", execute: () => ran.resolve() });
  await scheduler.start();
  await client.runTransaction((transaction) =>
    scheduler.scheduleJob("a", "work", { transaction })
  );
  await ran.promise;
});

test("Firestore: contention is spread, and ends", async () => {
  await using stage = new Stage();
  const stores = Array.from({ length: 4 }, () => stage.open().store);
  const slugs = numbered(48);
  await createDue(stores[0], ...slugs);
  const claimed: string[] = [];
  await Promise.all(stores.map(async (store) => {
    for (;;) {
      const tasks = await lockWork(store, 4);
      claimed.push(...slugsOf(tasks));
      if (tasks.length === 0) break;
    }
  }));
  assertEquals(claimed.sort(), slugs);
});

test("Firestore: a burst of announcements is not listened to one by one", async () => {
  await using stage = new Stage();
  const { store: creator } = stage.open();
  const { store } = stage.open();
  const told: unknown[] = [];
  const watch = await store.watch((change) => told.push(change));
  const due = { at: new Date("2031-01-01T00:00:00Z") };
  const tasks = numbered(400).map((slug) => newTask(slug, { due }));
  await creator.create(tasks);
  // It pauses, and tells that it may have missed something.
  await until(() => told.some(isUnknown));
  await creator.create([newTask("one more", { due })]);
  const heard = told.length;
  await until(() => told.length > heard);
  await watch[Symbol.asyncDispose]();
  assertLessOrEqual(told.length, 200);
});

function isUnknown(change: unknown): boolean {
  return (change as { when?: Date }).when === undefined;
}

test("Firestore: renewing and settling at once do not harm each other", async () => {
  await using stage = new Stage();
  const { store } = stage.open();
  for (let round = 0; round < 10; round++) {
    const task = await lockNew(store, `task-${round}`);
    const [, settled] = await Promise.all([
      store.renew([claimOf(task)], 60_000),
      store.reschedule([settlement(task)]),
      store.renew([claimOf(task)], 60_000),
    ]);
    assertEquals(settled, ["settled"]);
  }
});

test("Firestore: what the client cannot do is told with the reason", async () => {
  await using stage = new Stage();
  const { client, store } = stage.open();
  const refuse = (code: number, text: string) => {
    const error = Object.assign(new Error(`${code} ${text}`), { code });
    client.getAll = () => Promise.reject(error);
    return assertRejects(() =>
      store.reschedule([
        { slug: "a", version: 1, token: 1, next: undefined },
      ])
    );
  };
  const denied = await refuse(7, "PERMISSION_DENIED") as Error;
  assertEquals(denied.name, "StoreUnusableError");
  assert(denied.message.includes("expected the role Cloud Datastore User"));
  const away = await refuse(14, "UNAVAILABLE") as Error;
  assertEquals(away.name, "SchedulerError");
});
