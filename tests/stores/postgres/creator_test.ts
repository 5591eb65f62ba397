/** Creating in transactions of the user, and when no answer comes. */
import { PGlite } from "@electric-sql/pglite";
import { assert, assertEquals, assertRejects } from "@std/assert";
import pg from "pg";
import { SchedulerError } from "../../../src/api/errors.ts";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { PostgresStore } from "../../../stores/postgres.ts";
import { newTask } from "../../conformance/store_harness.ts";
import { newTableName, openPostgres } from "../../helpers/postgres_harness.ts";
import {
  type PostgresServer,
  startPostgres,
} from "../../helpers/postgres_server.ts";
import { TcpProxy } from "../../helpers/tcp_proxy.ts";

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const job = { kind: "work", execute: () => {} };
const MODES = ["error", "keep", "replace"] as const;

async function until(condition: () => Promise<boolean>) {
  for (let tries = 0; !await condition(); tries++) {
    assert(tries < 1_000, `${condition} stayed false`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function waitsForLock(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query(
    "select from pg_stat_activity where wait_event_type = 'Lock'",
  );
  return rows.length > 0;
}

Deno.test("scheduling in a transaction takes no other connection, not even at first", async () => {
  await using harness = openPostgres(server.url);
  await harness.store.getSlugs();
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  for (const onConflict of MODES) {
    const store = new PostgresStore(pool, {
      table: harness.table,
      operationTimeoutMs: 500,
    });
    const scheduler = new StdScheduler(store);
    const transaction = await pool.connect();
    await transaction.query("begin");
    const slug = `task-${onConflict}`;
    await scheduler.scheduleJob(slug, job, { transaction, onConflict });
    await transaction.query("commit");
    transaction.release();
  }
  assertEquals((await harness.store.getSlugs()).length, 3);
  await pool.end();
});

Deno.test("scheduling in a transaction before there is a table says what to do", async () => {
  await using harness = openPostgres(server.url);
  const { store, pool } = harness;
  const client = await pool.connect();
  await client.query("begin");
  await assertRejects(
    () => store.create([newTask("a")], client),
    SchedulerError,
    "the table is missing; expected a scheduler to have started",
  );
  await client.query("select 'still usable'");
  await client.query("rollback");
  client.release();
  await store.getSlugs();
});

Deno.test("a table that a transaction undid is not taken for granted", async () => {
  await using harness = openPostgres(server.url);
  const { store, pool, table } = harness;
  const client = await pool.connect();
  await client.query("begin");
  const [_begin, ...statements] = PostgresStore.schemaSql({ table })
    .replace("commit;\n", "").split("begin;\n");
  await client.query(statements.join(""));
  assertEquals(await store.create([newTask("a")], client), ["created"]);
  await client.query("rollback");
  client.release();
  assertEquals(await store.getSlugs(), []);
});

Deno.test("no savepoint is left in the transaction", async () => {
  await using harness = openPostgres(server.url);
  const { store, pool } = harness;
  await store.create([newTask("taken")]);
  for (const slugs of [["a", "b"], ["taken", "c"]]) {
    const client = await pool.connect();
    await client.query("begin");
    await store.create(slugs.map((slug) => newTask(slug)), client);
    await assertRejects(
      () => client.query("release savepoint scheduler_create"),
      Error,
      "does not exist",
    );
    await client.query("rollback");
    client.release();
  }
});

Deno.test("a pool is no transaction", async () => {
  await using harness = openPostgres(server.url);
  const { store, pool } = harness;
  await store.getSlugs();
  await assertRejects(
    () => store.create([newTask("a")], pool),
    TypeError,
    "expected the client that holds the transaction",
  );
  const client = new pg.Client(server.url);
  await client.connect();
  assertEquals(await store.create([newTask("b")], client), ["created"]);
  await client.end();
  assertEquals(await store.getSlugs(), ["b"]);
});

Deno.test("a PGlite is no transaction, but what it passes to the callback is", async () => {
  const database = new PGlite();
  await database.exec("create table first_write (); drop table first_write");
  const store = new PostgresStore(database, { table: newTableName() });
  await store.getSlugs();
  await assertRejects(
    () => store.create([newTask("a")], database),
    TypeError,
    "expected what transaction() passes",
  );
  await database.transaction((transaction) =>
    store.create([newTask("b"), newTask("c")], transaction)
  );
  assertEquals((await store.getSlugs()).sort(), ["b", "c"]);
  await database.close();
});

Deno.test("a creation that got no answer in time is looked up", async () => {
  await using harness = openPostgres(server.url);
  const { table } = harness;
  await harness.store.getSlugs();
  await using proxy = new TcpProxy(new URL(server.url));
  const pool = new pg.Pool({ connectionString: proxy.via(server.url) });
  const store = new PostgresStore(pool, { table, operationTimeoutMs: 1_000 });
  await store.getSlugs();
  const client = await harness.pool.connect();
  await client.query("begin");
  await client.query(`lock table ${table} in share mode`);
  const created = store.create([newTask("a"), newTask("b")]);
  await until(() => waitsForLock(harness.pool));
  proxy.answers = "hold";
  await client.query("commit");
  client.release();
  await until(async () => (await harness.store.getSlugs()).length > 0);
  proxy.answers = "pass";
  assertEquals(await created, ["created", "created"]);
  assertEquals((await harness.store.getSlugs()).sort(), ["a", "b"]);
  await pool.end();
});

Deno.test("a creation that got no answer and is not there may still come, and says so", async () => {
  await using harness = openPostgres(server.url);
  const { pool, table, store: other } = harness;
  const store = new PostgresStore(pool, { table, operationTimeoutMs: 200 });
  await store.getSlugs();
  const client = await pool.connect();
  await client.query("begin");
  await client.query(`lock table ${table} in share mode`);
  await assertRejects(
    () => store.create([newTask("a")]),
    SchedulerError,
    "Cannot tell whether tasks were created",
  );
  await client.query("rollback");
  client.release();
  await until(async () => (await other.getSlugs()).length > 0);
  assertEquals(await store.create([newTask("a", { onConflict: "keep" })]), [
    "kept",
  ]);
});
