/** What becomes of the pool when the line falls silent. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import pg from "pg";
import { SchedulerError } from "../../../src/api/errors.ts";
import { within } from "../../../src/runtime/within.ts";
import { PostgresStore } from "../../../stores/postgres.ts";
import { PgLender } from "../../../stores/postgres/lender.ts";
import {
  createDue,
  lockWork,
  slugsOf,
} from "../../conformance/store_harness.ts";
import { openPostgres } from "../../helpers/postgres_harness.ts";
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

const tooLate = () => new Error("too late");

/** Ends a pool, for which it has 3 s. */
async function end(pool: pg.Pool): Promise<void> {
  const late = () =>
    new Error(`${pool.totalCount} connections, ${pool.waitingCount} waiting`);
  await within(pool.end(), 3_000, late);
}

/** Claims that get no answer. */
async function allLate(store: PostgresStore, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, () =>
      assertRejects(
        () => lockWork(store),
        SchedulerError,
        "within 200 ms",
      )),
  );
}

Deno.test("a pool whose line fell silent is whole again when the line is", async () => {
  await using harness = openPostgres(server.url);
  const { table } = harness;
  await using proxy = new TcpProxy(new URL(server.url));
  const pool = new pg.Pool({ connectionString: proxy.via(server.url), max: 3 });
  const store = new PostgresStore(pool, { table, operationTimeoutMs: 200 });
  await createDue(store, "a", "b");
  await Promise.all([1, 2, 3].map(() => store.getSlugs()));
  proxy.answers = "hold";
  for (let round = 0; round < 5; round++) {
    await allLate(store, 8);
    assert(pool.waitingCount <= 8, `${pool.waitingCount} waiting`);
  }
  proxy.answers = "pass";
  for (let tries = 0;; tries++) {
    try {
      await store.getSlugs();
      break;
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
  await harness.elapse(60_000);
  assertEquals(slugsOf(await lockWork(store)), ["a", "b"]);
  await end(pool);
});

Deno.test("a pool can be ended while its line is silent", async () => {
  await using harness = openPostgres(server.url);
  const { table } = harness;
  await harness.store.getSlugs();
  await using proxy = new TcpProxy(new URL(server.url));
  const pool = new pg.Pool({ connectionString: proxy.via(server.url), max: 2 });
  const store = new PostgresStore(pool, { table, operationTimeoutMs: 200 });
  await store.getSlugs();
  proxy.answers = "hold";
  await allLate(store, 6);
  await end(pool);
});

Deno.test("a request that came too late is passed on to who asks next", async () => {
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  const lender = PgLender.of(pool);
  assertEquals(PgLender.of(pool), lender);
  const only = await pool.connect();
  for (let round = 0; round < 10; round++) {
    await assertRejects(() => lender.borrow(1, tooLate), Error, "too late");
  }
  assertEquals(pool.waitingCount, 1);
  const borrowed = lender.borrow(10_000, tooLate);
  only.release();
  lender.giveBack(await borrowed);
  assertEquals([pool.totalCount, pool.idleCount], [1, 1]);
  await end(pool);
});

Deno.test("a request that nobody waits for goes back to the pool", async () => {
  const pool = new pg.Pool({ connectionString: server.url, max: 1 });
  const lender = PgLender.of(pool);
  const only = await pool.connect();
  await assertRejects(() => lender.borrow(1, tooLate));
  only.release();
  await pool.query("select");
  assertEquals([pool.totalCount, pool.idleCount], [1, 1]);
  await end(pool);
});

Deno.test("connections on which nothing was heard since are not lent", async () => {
  const pool = new pg.Pool({ connectionString: server.url, max: 3 });
  const lender = PgLender.of(pool);
  const pid = async () => {
    const client = await lender.borrow(10_000, tooLate);
    const { rows } = await client.query("select pg_backend_pid() as pid");
    lender.giveBack(client);
    return rows[0].pid;
  };
  const first = await pid();
  assertEquals(await pid(), first);
  lender.distrustBefore(performance.now());
  const second = await pid();
  assert(second !== first);
  assertEquals(await pid(), second);
  await end(pool);
});

Deno.test("a time limit of the pool itself holds", async () => {
  await using proxy = new TcpProxy(new URL(server.url));
  proxy.answers = "hold";
  const pool = new pg.Pool({
    connectionString: proxy.via(server.url),
    connectionTimeoutMillis: 100,
  });
  await assertRejects(
    () => PgLender.of(pool).borrow(10_000, tooLate),
    Error,
    "timeout",
  );
  await end(pool);
});
