/** Bounds of single statements. */
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import pg from "pg";
import { LateError } from "../../../stores/postgres/client.ts";
import { PgExecutor } from "../../../stores/postgres/executor.ts";
import { PgLender } from "../../../stores/postgres/lender.ts";
import {
  type PostgresServer,
  startPostgres,
} from "../../helpers/postgres_server.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";
import { TcpProxy } from "../../helpers/tcp_proxy.ts";

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const SLOW = { name: "slow", text: "select pg_sleep(60)" };
const QUICK = { name: "quick", text: "select 1 as one" };

function open(url: string, max = 10) {
  const pool = new pg.Pool({ connectionString: url, max });
  const executor = new PgExecutor({
    pool,
    prepare: true,
    timeoutMs: 30_000,
    name: "test",
    logger: new RecordingLogger(),
  });
  return { pool, executor };
}

Deno.test("a statement takes no longer than it is allowed, and its connection is gone", async () => {
  const { pool, executor } = open(server.url);
  await assertRejects(
    () => executor.run("wait", SLOW, [], "always", 100),
    LateError,
    'Cannot wait in "test": no answer came within 100 ms',
  );
  assertEquals(pool.totalCount, 0);
  assertEquals(await executor.run("ask", QUICK, []), [{ one: 1 }]);
  await pool.end();
});

Deno.test("the time for a connection counts too", async () => {
  const { pool, executor } = open(server.url, 1);
  const only = await pool.connect();
  await assertRejects(
    () => executor.run("ask", QUICK, [], "always", 50),
    LateError,
    "no connection of the pool came free within 50 ms",
  );
  only.release();
  await pool.end();
});

Deno.test("waiting for a server that is away ends with the time that is allowed", async () => {
  const away = new URL(server.url);
  away.port = "1";
  const { pool, executor } = open(away.href);
  const start = performance.now();
  await assertRejects(() => executor.run("ask", QUICK, [], "always", 300));
  assertLess(performance.now() - start, 3_000);
  await pool.end();
});

Deno.test("who waits for the server goes on when another statement gets through", async () => {
  await using proxy = new TcpProxy(new URL(server.url));
  const { pool, executor } = open(proxy.via(server.url));
  const { outage } = PgLender.of(pool);
  const pauses: Promise<void>[] = [];
  const pause = outage.pause.bind(outage);
  // As if the pauses had grown.
  outage.pause = (_ms, signal) => {
    const paused = pause(3_600_000, signal);
    pauses.push(paused);
    return paused;
  };
  proxy.answers = "cut";
  const waits = executor.run("ask", QUICK, [], "always");
  for (let tries = 0; pauses.length === 0; tries++) {
    assertLess(tries, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await executor.run("ask", QUICK, []);
  assertEquals(await waits, [{ one: 1 }]);
  await pool.end();
});

Deno.test("a connection in somebody's failed transaction is dropped", async () => {
  const { pool, executor } = open(server.url, 1);
  const client = await pool.connect();
  await client.query("begin");
  await client.query("select 1 / 0").catch(() => {});
  client.release();
  assertEquals(await executor.run("ask", QUICK, [], "unsent"), [{ one: 1 }]);
  assertEquals(pool.totalCount, 1);
  await pool.end();
});
