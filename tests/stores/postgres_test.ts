/** What PostgreSQL adds to the contract: schema, transactions, outages. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import pg from "pg";
import { SchedulerError } from "../../src/api/errors.ts";
import type { CreateOutcome, StoreChange } from "../../src/api/job_store.ts";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { PostgresStore } from "../../stores/postgres.ts";
import {
  claimOf,
  createDue,
  lockKinds,
  lockNew,
  lockRequest,
  lockWork,
  newTask,
  settlement,
  slugsOf,
} from "../conformance/store_harness.ts";
import {
  newTableName,
  openPostgres,
  type PostgresHarness,
} from "../helpers/postgres_harness.ts";
import { test, url } from "../helpers/shared_postgres.ts";
import { StoppedTime } from "../helpers/stopped_time.ts";
import { TcpProxy } from "../helpers/tcp_proxy.ts";
import { until } from "../helpers/until.ts";

/** Keeps what is logged, by message. */
function recordingLogger() {
  const messages: string[] = [];
  const log = (message: string) => void messages.push(message);
  return { messages, debug: log, info: log, warn: log, error: log };
}

/** Lends a client of the pool, in a transaction. */
async function inTransaction(
  pool: pg.Pool,
  run: (client: pg.PoolClient) => Promise<unknown>,
  end: "commit" | "rollback",
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await run(client);
    await client.query(end);
  } finally {
    client.release();
  }
}

Deno.test("names of tables and schemas are checked", () => {
  const pool = new pg.Pool();
  for (const table of ["", "Tasks", "a-b", "1a", 'a"b', "x".repeat(32), "ü"]) {
    assertThrows(() => new PostgresStore(pool, { table }), TypeError, "table");
    assertThrows(
      () => PostgresStore.schemaSql({ schema: table }),
      TypeError,
      "schema",
    );
  }
  assertThrows(() => new PostgresStore(pool, { pollMs: NaN }), RangeError);
  assertThrows(
    () => new PostgresStore(pool, { operationTimeoutMs: -1 }),
    RangeError,
  );
  // @ts-expect-error: no client
  assertThrows(() => new PostgresStore(undefined), TypeError, "pg.Pool");
  const client = new pg.Client({ connectionString: url });
  assertThrows(
    () => new PostgresStore(client as unknown as pg.Pool),
    TypeError,
    "on a single client of pg",
  );
  const migrate = "no" as unknown as boolean;
  assertThrows(() => new PostgresStore(pool, { migrate }), TypeError, '"no"');
  // @ts-expect-error: no options
  assertThrows(() => new PostgresStore(pool, null), TypeError, "an object");
});

test("ten stores create schema and table at once", async () => {
  const schema = newTableName();
  const pools = Array.from(
    { length: 10 },
    () => new pg.Pool({ connectionString: url, max: 1 }),
  );
  const stores = pools.map((pool) =>
    new PostgresStore(pool, { schema, table: "order" })
  );
  await Promise.all(stores.map((store) => store.getSlugs()));
  await createDue(stores[0], "a");
  assertEquals(await stores[9].getSlugs(), ["a"]);
  await pools[0].query(`drop schema ${schema} cascade`);
  await Promise.all(pools.map((pool) => pool.end()));
});

test("a task that is scheduled in a transaction is there if it commits", async () => {
  await using harness = openPostgres(url);
  const { store, pool } = harness;
  const ran: string[] = [];
  const job = {
    kind: "work",
    execute: ({ slug }: { slug: string }) => void ran.push(slug),
  };
  const elsewhere = new StdScheduler(await harness.another());
  elsewhere.registerJob(job);
  await elsewhere.start();
  const scheduler = new StdScheduler(store);
  const schedule = (slug: string) => (transaction: pg.PoolClient) =>
    scheduler.scheduleJob(slug, job, { transaction });
  await inTransaction(pool, schedule("undone"), "rollback");
  await inTransaction(pool, schedule("done"), "commit");
  await until(() => ran.length > 0);
  assertEquals(ran, ["done"]);
  await elsewhere.stop();
  assertEquals(await store.getSlugs(), []);
});

test("the own process wakes too when a transaction commits", async () => {
  await using harness = openPostgres(url);
  const { store, pool } = harness;
  const changes: StoreChange[] = [];
  await using _watch = await store.watch((change) => changes.push(change));
  await inTransaction(pool, async (client) => {
    await store.create([newTask("a")], client);
    await store.nextRun({ kinds: ["work"] });
    assertEquals(changes, []);
  }, "commit");
  await until(() => changes.length > 0);
  assertEquals(changes[0].kinds, ["work"]);
});

test("a taken slug leaves the transaction of the user usable", async () => {
  await using harness = openPostgres(url);
  const { store, pool } = harness;
  await createDue(store, "a");
  await inTransaction(pool, async (client) => {
    assertEquals(await store.create([newTask("a")], client), ["taken"]);
    const both = [newTask("a"), newTask("b")];
    assertEquals(await store.create(both, client), ["taken", "withheld"]);
    assertEquals(await store.create([newTask("c")], client), ["created"]);
  }, "commit");
  assertEquals((await store.getSlugs()).sort(), ["a", "c"]);
});

test("a slug that is taken while a transaction waits leaves it usable", async () => {
  await using harness = openPostgres(url);
  const { store, pool } = harness;
  await store.getSlugs();
  const taken = Promise.withResolvers<CreateOutcome[]>();
  const second = inTransaction.bind(null, pool, async (client) => {
    taken.resolve(await store.create([newTask("b"), newTask("a")], client));
    await taken.promise;
    assertEquals(await store.create([newTask("c")], client), ["created"]);
  }, "commit");
  let waiting: Promise<void> | undefined;
  await inTransaction(pool, async (client) => {
    await store.create([newTask("a")], client);
    waiting = second();
    await until(async () => await waitsForLock(pool));
  }, "commit");
  await waiting;
  assertEquals(await taken.promise, ["withheld", "taken"]);
  assertEquals((await store.getSlugs()).sort(), ["a", "c"]);
});

async function waitsForLock(pool: pg.Pool, count = 1): Promise<boolean> {
  const { rows } = await pool.query(
    `select from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`,
  );
  return rows.length >= count;
}

/** Whether the server is at work on the table. */
async function isBusy({ pool, table }: PostgresHarness): Promise<boolean> {
  const { rows } = await pool.query(
    `select from pg_stat_activity
    where state = 'active' and pid <> pg_backend_pid() and query like $1`,
    [`%${table}%`],
  );
  return rows.length > 0;
}

test("modes may differ within one call", async () => {
  await using harness = openPostgres(url);
  const { store } = harness;
  await createDue(store, "kept", "replaced");
  const kinds = (kind: string) => [
    newTask("kept", { kind, onConflict: "keep" }),
    newTask("replaced", { kind, onConflict: "replace" }),
    newTask("new", { kind }),
  ];
  assertEquals(await store.create(kinds("second")), [
    "kept",
    "replaced",
    "created",
  ]);
  assertEquals(await store.create(kinds("third")), [
    "withheld",
    "withheld",
    "taken",
  ]);
  const kindOf = async (slug: string) => (await store.get(slug))?.kind;
  assertEquals(await kindOf("kept"), "work");
  assertEquals(await kindOf("replaced"), "second");
  assertEquals(await kindOf("new"), "second");
});

test("rows that a transaction has locked are passed over", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  const at = (year: number) => ({ at: new Date(Date.UTC(year, 0)) });
  await store.create([
    newTask("locked", { kind: "a", due: at(2001) }),
    newTask("free", { kind: "b", due: at(2002) }),
  ]);
  await inTransaction(pool, async (client) => {
    await client.query(`select from ${table} where kind = 'a' for update`);
    assertEquals(await lockKinds(store, ["a"], 1), []);
    assertEquals(await lockKinds(store, ["a", "b"], 2), ["free"]);
  }, "rollback");
  assertEquals(await lockKinds(store, ["a"], 1), ["locked"]);
});

test("all of a burst of schedules is seen, though not each is announced", async () => {
  await using harness = openPostgres(url);
  const { store } = harness;
  await store.getSlugs();
  const other = await harness.another();
  const looks: Promise<void>[] = [];
  let seen = 0;
  const look = async () => {
    seen = Math.max(seen, (await other.getSlugs()).length);
  };
  const watch = await other.watch(() => looks.push(look()));
  const COUNT = 500;
  await Promise.all(
    Array.from(
      { length: COUNT },
      (_, index) => store.create([newTask(`task-${index}`)]),
    ),
  );
  await until(() => seen === COUNT);
  await watch[Symbol.asyncDispose]();
  await Promise.all(looks);
});

test("a listener that was cut off listens again, and catches up", async () => {
  await using harness = openPostgres(url);
  const logger = recordingLogger();
  const { pool, table } = harness;
  const store = new PostgresStore(pool, { table, logger, pollMs: 3_600_000 });
  let changes: StoreChange[] = [];
  await using _watch = await store.watch((change) => changes.push(change));
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
    where query = 'listen "public.${table}"'`,
  );
  assertEquals(rowCount, 1);
  await until(() => changes.length > 0);
  assertEquals(changes, [{ when: undefined, kinds: undefined }]);
  assertEquals(logger.messages.length, 2);
  assertStringIncludes(logger.messages[1], "again");
  changes = [];
  await createDue(await harness.another(), "a");
  await until(() => changes.length > 0);
  assertEquals(changes[0].kinds, ["work"]);
});

test("without listening it looks at intervals, and says so once", async () => {
  await using harness = openPostgres(url);
  const logger = recordingLogger();
  const { pool, table } = harness;
  const single = new pg.Pool({ connectionString: url, max: 1 });
  for (const [pg, listen] of [[pool, false], [single, undefined]] as const) {
    logger.messages.length = 0;
    const store = new PostgresStore(pg, { table, logger, listen, pollMs: 10 });
    let looks = 0;
    await using _watch = await store.watch(() => looks++);
    await until(() => looks >= 5);
    assertEquals(logger.messages.length, 1);
    assertStringIncludes(logger.messages[0], "every 10 ms instead");
  }
  await single.end();
});

test("a pool with no connection to spare is reported, not waited for", async () => {
  await using harness = openPostgres(url);
  const { table } = harness;
  await harness.store.getSlugs();
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const store = new PostgresStore(pool, { table, operationTimeoutMs: 100 });
  const client = await pool.connect();
  await assertRejects(
    () => lockWork(store),
    SchedulerError,
    "no connection of the pool came free within 100 ms",
  );
  await assertRejects(() => createDue(store, "a"), SchedulerError, "Cannot");
  client.release();
  // What came too late went back to the pool.
  const patient = new PostgresStore(pool, { table });
  assertEquals(await lockWork(patient), []);
  await pool.end();
});

test("a statement that is held up does not hang for ever", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a");
  const impatient = new PostgresStore(pool, { table, operationTimeoutMs: 100 });
  await inTransaction(pool, async (client) => {
    await client.query(`lock table ${table}`);
    await assertRejects(
      () => lockWork(impatient),
      SchedulerError,
      "within 100 ms",
    );
  }, "rollback");
  // It goes on when it can, though nobody waits for its answer.
  await until(async () => !await isBusy(harness));
  await harness.elapse(60_000);
  assertEquals(slugsOf(await lockWork(store)), ["a"]);
});

test("statement timeouts of the server are errors, and spare the connection", async () => {
  await using harness = openPostgres(url);
  const { pool, table } = harness;
  const single = new pg.Pool({ connectionString: url, max: 1 });
  const store = new PostgresStore(single, { table });
  await store.getSlugs();
  const pid = async () =>
    (await single.query("select pg_backend_pid() as pid")).rows[0].pid;
  const before = await pid();
  await inTransaction(pool, async (client) => {
    await client.query(`lock table ${table}`);
    await single.query("set statement_timeout = 50");
    await assertRejects(() => lockWork(store), Error, "statement timeout");
  }, "rollback");
  await single.query("reset statement_timeout");
  assertEquals(await lockWork(store), []);
  assertEquals(await pid(), before);
  await single.end();
});

test("conflicts of serializable transactions are tried again", async () => {
  await using harness = openPostgres(url);
  const { table } = harness;
  const pool = new pg.Pool({
    connectionString: url,
    // With more, bad luck may last longer than the store's patience.
    max: 3,
    options: "-c default_transaction_isolation=serializable",
  });
  const store = new PostgresStore(pool, { table });
  const slugs = Array.from({ length: 50 }, (_, index) => `task-${index}`);
  await createDue(store, ...slugs);
  const claimed: string[] = [];
  await Promise.all(slugs.map(async () => {
    const tasks = await lockWork(store, 5);
    claimed.push(...slugsOf(tasks));
    const effects = await store.reschedule(tasks.map((t) => settlement(t)));
    assert(effects.every((effect) => effect === "settled"));
  }));
  assertEquals(claimed.sort(), slugs.sort());
  await pool.end();
});

test("renewing and settling the same tasks at once does not deadlock", async () => {
  await using harness = openPostgres(url);
  const { store, pool } = harness;
  const slugs = Array.from({ length: 500 }, (_, index) => `task-${index}`);
  const deadlocks = async () => {
    const { rows: [{ count }] } = await pool.query(
      `select deadlocks::int as count from pg_stat_database
      where datname = current_database()`,
    );
    return count;
  };
  const before = await deadlocks();
  const next = { when: new Date("2031-01-01T00:00:00Z") };
  for (let round = 0; round < 20; round++) {
    await createDue(store, ...slugs);
    const tasks = await lockWork(store, 500);
    // As the batches of a process come: removals and moves at once.
    const settlements = tasks.map((task, index) =>
      settlement(task, index % 2 === 0 ? next : undefined)
    );
    const [, outcomes] = await Promise.all([
      store.renew(tasks.map(claimOf).toReversed(), 60_000),
      store.reschedule(settlements),
      store.renew(tasks.map(claimOf), 60_000),
    ]);
    assert(!outcomes.includes("lost"));
    await store.clear();
  }
  assertEquals(await deadlocks(), before);
});

test("a claim that somebody has locked is busy, and holds up no other", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a", "b", "c", "d");
  const tasks = await lockWork(store);
  const lost = { ...tasks[3], token: tasks[3].token! - 1 };
  await inTransaction(pool, async (client) => {
    await client.query(
      `select from ${table} where slug in ('a', 'c') for update`,
    );
    assertEquals(
      await store.renew([...tasks.slice(0, 3), lost].map(claimOf), 60_000),
      ["busy", "held", "busy", "lost"],
    );
    assertEquals(
      await store.reschedule([
        settlement(tasks[0]),
        settlement(tasks[1]),
        settlement(tasks[2], {}),
        settlement(lost, {}),
      ]),
      ["busy", "settled", "busy", "lost"],
    );
  }, "commit");
  assertEquals(
    await store.reschedule([settlement(tasks[0]), settlement(tasks[2], {})]),
    ["settled", "settled"],
  );
});

test("a claim with a run that was cancelled is told so, and still settles", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a", "b");
  const tasks = await lockWork(store);
  await pool.query(`update ${table} set cancel = 'enough' where slug = 'b'`);
  assertEquals(await store.renew(tasks.map(claimOf), 60_000), [
    "held",
    "cancelled",
  ]);
  await store.reschedule([settlement(tasks[1], {})]);
  const { rows } = await pool.query(`select cancel from ${table}`);
  assertEquals(rows, [{ cancel: null }, { cancel: null }]);
});

test("what is gated or cancelled is not taken over when its lease has ended", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "cancelled", "gated", "rerun", "taken");
  await lockWork(store);
  await store.create([newTask("rerun", { onConflict: "rerun" })]);
  await pool.query(
    `update ${table} set gate = case when slug = 'gated' then 2 else 0 end,
      cancel = case when slug in ('cancelled', 'rerun') then 'enough' end`,
  );
  await harness.elapse(120_000);
  assertEquals(slugsOf(await lockWork(store)), ["taken"]);
  const { rows } = await pool.query(
    `select slug, status, crashes, token is null as free,
      claimable_at is null as waits from ${table} order by slug`,
  );
  const free = { crashes: 1, free: true };
  assertEquals(rows, [
    { slug: "cancelled", status: "cancelled", ...free, waits: true },
    { slug: "gated", status: "scheduled", ...free, waits: true },
    { slug: "rerun", status: "scheduled", ...free, waits: false },
    { slug: "taken", status: "running", crashes: 1, free: false, waits: false },
  ]);
  assertEquals(slugsOf(await lockWork(store)), ["rerun"]);
});

test("a settlement behind a gate waits there, and an edited payload stays", async () => {
  await using harness = openPostgres(url);
  const { store, pool, table } = harness;
  await createDue(store, "a");
  const [task] = await lockWork(store);
  await pool.query(
    `update ${table} set gate = 2, edited = true, payload = 'edited'`,
  );
  const next = { payload: new Uint8Array([1]) };
  assertEquals(await store.reschedule([settlement(task, next)]), ["settled"]);
  assertEquals(await lockWork(store), []);
  assertEquals((await store.nextRun({ kinds: ["work"] })).when, undefined);
  const { payload } = (await store.get("a"))!;
  assertEquals(new TextDecoder().decode(payload), "edited");
});

test("large creations take effect as a whole, and large claims come in parts", async () => {
  await using harness = openPostgres(url);
  const { store } = harness;
  const payload = new Uint8Array(store.maxPayloadBytes).fill(7);
  const tasks = Array.from(
    { length: 5 },
    (_, index) => newTask(`task-${index}`, { payload }),
  );
  assertEquals(
    await store.create(tasks),
    tasks.map(() => "created"),
  );
  const again = await store.create([newTask("new", { payload }), ...tasks]);
  assertEquals(again, ["withheld", ...tasks.map(() => "taken")]);
  const claimed = await store.lock(
    lockRequest({ maxBytes: Infinity }),
  );
  assertEquals(claimed.length, 4);
  assertEquals(claimed[0].payload.length, payload.length);
});

test("large creations in a transaction take effect with it", async () => {
  await using harness = openPostgres(url);
  const { store, pool } = harness;
  await createDue(store, "taken");
  const payload = new Uint8Array(store.maxPayloadBytes / 2 + 1);
  const tasks = ["a", "b", "taken"].map((slug) => newTask(slug, { payload }));
  await inTransaction(pool, async (client) => {
    assertEquals(await store.create(tasks, client), [
      "withheld",
      "withheld",
      "taken",
    ]);
    await store.create(tasks.slice(0, 2), client);
  }, "commit");
  assertEquals((await store.getSlugs()).sort(), ["a", "b", "taken"]);
});

test("a creation whose answer was lost is there once, and no error", async () => {
  await using harness = openPostgres(url);
  const { table } = harness;
  await using proxy = new TcpProxy(new URL(url));
  const pool = new pg.Pool({ connectionString: proxy.via(url), max: 1 });
  const store = new PostgresStore(pool, { table });
  await store.getSlugs();
  proxy.answers = "cut";
  assertEquals(await store.create([newTask("a")]), ["created"]);
  proxy.answers = "cut";
  assertEquals(await store.create([newTask("b"), newTask("c")]), [
    "created",
    "created",
  ]);
  proxy.answers = "cut";
  assertEquals(await store.create([newTask("a")]), ["taken"]);
  assertEquals((await harness.store.getSlugs()).sort(), ["a", "b", "c"]);
  await pool.end();
});

test("a creation that is cut off and gets through late is no error", async () => {
  await using harness = openPostgres(url);
  const { table } = harness;
  await using proxy = new TcpProxy(new URL(url));
  const pool = new pg.Pool({ connectionString: proxy.via(url), max: 1 });
  const store = new PostgresStore(pool, { table });
  await store.getSlugs();
  let created: Promise<CreateOutcome[]> | undefined;
  await inTransaction(harness.pool, async (client) => {
    await harness.store.create([newTask("a")], client);
    created = store.create([newTask("a"), newTask("b")]);
    await until(() => waitsForLock(harness.pool, 1));
    proxy.cut();
    await until(() => waitsForLock(harness.pool, 2));
  }, "rollback");
  assertEquals(await created, ["created", "created"]);
  assertEquals((await harness.store.getSlugs()).sort(), ["a", "b"]);
  await pool.end();
});

test("a settlement whose answer was lost can be sent again", async () => {
  await using harness = openPostgres(url);
  const { table, store: other } = harness;
  await using proxy = new TcpProxy(new URL(url));
  const pool = new pg.Pool({ connectionString: proxy.via(url), max: 1 });
  const store = new PostgresStore(pool, { table });
  const task = await lockNew(store, "a");
  const again = settlement(task, { result: "first" });
  proxy.answers = "cut";
  await assertRejects(() => store.reschedule([again]));
  const [claimed] = await lockWork(other);
  assertEquals(claimed.result, "first");
  assertEquals(await store.reschedule([again]), ["lost"]);
  assertEquals((await other.get("a"))?.version, claimed.version);
  await pool.end();
});

test("connections that have gone silent are given up", async () => {
  await using harness = openPostgres(url);
  const { table } = harness;
  await using proxy = new TcpProxy(new URL(url));
  const pool = new pg.Pool({ connectionString: proxy.via(url), max: 1 });
  const patient = new PostgresStore(pool, { table });
  await createDue(patient, "a");
  proxy.answers = "hold";
  const store = new PostgresStore(pool, { table, operationTimeoutMs: 200 });
  await assertRejects(() => lockWork(store), SchedulerError, "within 200 ms");
  proxy.answers = "pass";
  assertEquals(slugsOf(await lockWork(patient)), ["a"]);
  await pool.end();
});

test("reading waits for a server that is away for a moment", async () => {
  await using harness = openPostgres(url);
  const { table, store: other } = harness;
  await createDue(other, "a");
  await using proxy = new TcpProxy(new URL(url));
  const pool = new pg.Pool({ connectionString: proxy.via(url) });
  const store = new PostgresStore(pool, { table });
  await store.getSlugs();
  proxy.cut();
  assertEquals((await store.get("a"))?.slug, "a");
  proxy.answers = "cut";
  assertEquals(await store.getSlugs(), ["a"]);
  proxy.answers = "cut";
  await assertRejects(() => store.delete("a"));
  assertEquals(await other.getSlugs(), []);
  await pool.end();
});

test("prepared statements can be switched off", async () => {
  await using harness = openPostgres(url, { prepare: false });
  await harness.store.create([newTask("a", { onConflict: "replace" })]);
  const [task] = await lockWork(harness.store);
  await harness.store.reschedule([settlement(task, {})]);
  const { rows } = await harness.pool.query(
    "select from pg_prepared_statements",
  );
  assertEquals(rows, []);
});

test("prepared statements that a proxy lost are done without", async () => {
  await using harness = openPostgres(url);
  const { table } = harness;
  const logger = recordingLogger();
  const single = new pg.Pool({ connectionString: url, max: 1 });
  const store = new PostgresStore(single, { table, logger });
  // What took long is not prepared the next time.
  using _time = new StoppedTime();
  await createDue(store, "a");
  await store.get("a");
  await single.query("deallocate all");
  assertEquals((await store.get("a"))?.slug, "a");
  assertEquals(slugsOf(await lockWork(store)), ["a"]);
  assertEquals(logger.messages.length, 1);
  assertStringIncludes(logger.messages[0], "set prepare to false");
  await single.end();
});

test("a connection that hears nothing is noticed", async () => {
  await using harness = openPostgres(url);
  const { table, pool } = harness;
  const logger = recordingLogger();
  // As with a proxy: listening is no error, but no message arrives.
  const elsewhere = new URL(url);
  elsewhere.pathname = "template1";
  const listen = new pg.Pool({ connectionString: elsewhere.href });
  const store = new PostgresStore(pool, { table, logger, listen, pollMs: 10 });
  let looks = 0;
  const watch = await store.watch(() => looks++);
  await until(() => looks > 0);
  assertEquals(logger.messages.length, 1);
  assertStringIncludes(logger.messages[0], "messages do not come through");
  await watch[Symbol.asyncDispose]();
  await listen.end();
});
