/** How operations of the SQLite store share transactions, wait and fail. */
import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { SchedulerError } from "../../../src/api/errors.ts";
import { type SqliteDatabase, SqliteStore } from "../../../stores/sqlite.ts";
import {
  claimOf,
  createAll,
  createDue,
  LEASE_MS,
  lockRequest,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "../../conformance/store_harness.ts";
import { StoppedTime } from "../../helpers/stopped_time.ts";
import { TemporaryDirectory } from "../../helpers/temporary_directory.ts";
import { until } from "../../helpers/until.ts";

/** A database that counts what is committed. */
function counting(database: DatabaseSync) {
  const commits = { count: 0 };
  const counted: SqliteDatabase = {
    exec(sql) {
      if (sql === "COMMIT") commits.count++;
      database.exec(sql);
    },
    prepare: (sql) => database.prepare(sql),
  };
  return { commits, counted };
}

Deno.test("calls that fall together are committed together", async () => {
  const database = new DatabaseSync(":memory:");
  const { commits, counted } = counting(database);
  const store = new SqliteStore(counted);
  await store.getSlugs();
  commits.count = 0;
  // What takes long may be committed in parts.
  using _time = new StoppedTime();
  await Promise.all(
    Array.from({ length: 50 }, (_, index) => createDue(store, `task-${index}`)),
  );
  assertEquals(commits.count, 1);

  const tasks = await lockWork(store, 50);
  commits.count = 0;
  await Promise.all(
    tasks.map((task) => store.reschedule([settlement(task, {})])),
  );
  assertEquals(commits.count, 1);
  database.close();
});

Deno.test("looking for tasks when there are none writes nothing", async () => {
  const database = new DatabaseSync(":memory:");
  const { commits, counted } = counting(database);
  const store = new SqliteStore(counted);
  await store.create([newTask("later", { due: { inMs: 60_000 } })]);
  commits.count = 0;
  assertEquals(await lockWork(store), []);
  assertEquals(
    await store.lock(lockRequest({ kinds: [] })),
    [],
  );
  assertEquals(commits.count, 0);
  database.close();
});

Deno.test("an operation that fails takes no other with it", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database);
  await store.getSlugs();
  const broken = newTask("broken", { kind: {} as string });
  const answers = await Promise.allSettled([
    store.create([newTask("a")]),
    store.create([newTask("half"), broken]),
    store.create([newTask("b")]),
    store.delete("a"),
    store.create([newTask("b")]),
  ]);
  assertEquals(
    answers.map((answer) =>
      answer.status === "fulfilled" ? answer.value : "failed"
    ),
    [["created"], "failed", ["created"], true, ["taken"]],
  );
  assertEquals(await store.getSlugs(), ["b"]);
  database.close();
});

Deno.test("a full disk gets a clear error, and loses nothing", async () => {
  using directory = new TemporaryDirectory();
  const database = new DatabaseSync(directory.file("full.db"));
  const store = new SqliteStore(database);
  await createDue(store, "before");
  const { page_count } = database.prepare("PRAGMA page_count").get()!;
  database.exec(`PRAGMA max_page_count = ${Number(page_count) + 10}`);
  const payload = new Uint8Array(16_384);
  const answers = await Promise.allSettled(
    Array.from(
      { length: 10 },
      (_, index) => store.create([newTask(`task-${index}`, { payload })]),
    ),
  );
  const created = answers.flatMap(({ status }, index) =>
    status === "fulfilled" ? [`task-${index}`] : []
  );
  assertEquals(created.length, 2);
  assertEquals((await store.getSlugs()).sort(), ["before", ...created]);
  const error = await assertRejects(
    () => store.create([newTask("more", { payload })]),
    SchedulerError,
  );
  assertStringIncludes(error.message, "the disk is full");

  database.exec("PRAGMA max_page_count = 1000");
  await createAll(store, [newTask("more", { payload })]);
  database.close();
});

Deno.test("a locked database is waited for, while other work goes on", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("locked.db");
  const store = new SqliteStore(path);
  await store.getSlugs();
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const created = store.create([newTask("a")]);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await until(() => turns > 20);
  clearInterval(timer);
  assertEquals(await store.get("a"), undefined);
  assertEquals(await store.getSlugs(), []);
  assertEquals((await store.nextRun({ kinds: ["work"] })).when, undefined);
  assertEquals(await store.listInstances(), []);
  other.exec("COMMIT");
  assertEquals(await created, ["created"]);
  other.close();
  await store.close();
});

Deno.test("a database that stays locked gets an error that says so", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("locked.db");
  const store = new SqliteStore(path, { busyTimeoutMs: 50 });
  await store.getSlugs();
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const error = await assertRejects(
    () => store.create([newTask("a")]),
    SchedulerError,
  );
  assertStringIncludes(
    error.message,
    `Cannot write to "${path}": another process or connection has had it ` +
      "locked for 50 ms",
  );
  const opening = new SqliteStore(path, { busyTimeoutMs: 20 });
  await assertRejects(() => opening.getSlugs(), SchedulerError, "locked");
  await opening.close();
  other.exec("ROLLBACK");
  other.close();
  assertEquals(await store.getSlugs(), []);
  await store.close();
});

Deno.test("a transaction of the user on a database that was passed is waited for", async () => {
  const database = new DatabaseSync(":memory:");
  const store = new SqliteStore(database, { busyTimeoutMs: 50 });
  await store.getSlugs();
  database.exec("BEGIN");
  const error = await assertRejects(
    () => store.create([newTask("a")]),
    SchedulerError,
  );
  assertStringIncludes(error.message, "a transaction has been open");
  const created = new SqliteStore(database).create([newTask("a")]);
  await delay(5);
  database.exec("ROLLBACK");
  assertEquals(await created, ["created"]);
  assertEquals(await store.getSlugs(), ["a"]);
  database.close();
});

Deno.test("a large operation lets others go first, who see all of it or nothing", async () => {
  using directory = new TemporaryDirectory();
  const store = new SqliteStore(directory.file("large.db"));
  await store.getSlugs();
  const tasks = Array.from(
    { length: 30_000 },
    (_, index) => newTask(`task-${index}`),
  );
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  let isDone = false;
  const created = store.create(tasks).then(() => isDone = true);
  while (!isDone) {
    const first = await store.get("task-0");
    const last = await store.get("task-29999");
    assert(first === undefined || last !== undefined, "half of it was seen");
    await delay(1);
  }
  await created;
  clearInterval(timer);
  assertGreater(turns, 3);
  assertEquals((await store.getSlugs()).length, 30_000);

  const claimed = await lockWork(store, 20_000);
  assertEquals(slugsOf(claimed), slugsOf(tasks.slice(0, 20_000)));
  const renewals = await store.renew(claimed.map(claimOf), LEASE_MS);
  assert(renewals.every((renewal) => renewal === "held"));
  const outcomes = await store.reschedule(
    claimed.map((task) => settlement(task)),
  );
  assert(outcomes.every((outcome) => outcome === "settled"));
  assertEquals((await store.getSlugs()).length, 10_000);

  const more = Array.from(
    { length: 5_000 },
    (_, index) => newTask(`new-${index}`),
  );
  const refused = await store.create([...more, newTask("task-29999")]);
  assertEquals(refused.pop(), "taken");
  assert(refused.every((outcome) => outcome === "withheld"));
  assertEquals((await store.getSlugs()).length, 10_000);
  await store.close();
});

Deno.test("claims of four stores on one file never overlap", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("many.db");
  const stores = Array.from({ length: 4 }, () => new SqliteStore(path));
  const count = 400;
  await stores[0].create(
    Array.from({ length: count }, (_, index) => newTask(`task-${index}`)),
  );
  const claimed: string[] = [];
  await Promise.all(stores.map(async (store) => {
    for (;;) {
      const tasks = await lockWork(store, 7);
      if (tasks.length === 0) break;
      claimed.push(...slugsOf(tasks));
      await store.reschedule(tasks.map((task) => settlement(task)));
    }
  }));
  assertEquals(new Set(claimed).size, count);
  assertEquals(claimed.length, count);
  for (const store of stores) await store.close();
});

Deno.test("others' commits are told where the file system tells nothing", async () => {
  using directory = new TemporaryDirectory();
  const path = directory.file("polled.db");
  const here = new DatabaseSync(path);
  const there = new DatabaseSync(path);
  // Without a log file there is nothing to watch.
  assertEquals(
    here.prepare("PRAGMA journal_mode").get()?.journal_mode,
    "delete",
  );
  const store = new SqliteStore(here);
  const told = Promise.withResolvers<void>();
  const watch = await store.watch(() => told.resolve());
  const other = new SqliteStore(there);
  await other.create([newTask("a")]);
  await told.promise;
  await watch[Symbol.asyncDispose]();
  here.close();
  there.close();
});
