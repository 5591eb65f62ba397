/** What anybody can send, and what callbacks can do. */
import { assert, assertEquals } from "@std/assert";
import { StdScheduler } from "../../../triggers/std_scheduler.ts";
import { PostgresStore } from "../../../stores/postgres.ts";
import { createDue } from "../../conformance/store_harness.ts";
import { openPostgres } from "../../helpers/postgres_harness.ts";
import {
  type PostgresServer,
  startPostgres,
} from "../../helpers/postgres_server.ts";
import { RecordingLogger } from "../../helpers/recording_logger.ts";

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function until(condition: () => boolean) {
  for (let tries = 0; !condition(); tries++) {
    assert(tries < 1_000, `${condition} stayed false`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("odd messages end no scheduler", async () => {
  await using harness = openPostgres(server.url);
  const { store, pool, table } = harness;
  const ran: string[] = [];
  await using scheduler = new StdScheduler(store);
  scheduler.registerJob({
    kind: "work",
    execute: ({ slug }) => void ran.push(slug),
  });
  await scheduler.start();
  const odd = [
    "",
    "null",
    "[]",
    '{"k":1}',
    '{"w":"x"}',
    '{"k":[1]}',
    '{"again":"x"}',
  ];
  for (const payload of [...odd, "x".repeat(7_999)]) {
    await pool.query("select pg_notify($1, $2)", [`public.${table}`, payload]);
  }
  await createDue(await harness.another(), "a");
  await until(() => ran.length > 0);
  assertEquals(ran, ["a"]);
});

Deno.test("a callback that throws ends neither the watch nor a statement", async () => {
  await using harness = openPostgres(server.url);
  const { pool, table } = harness;
  const logger = new RecordingLogger();
  const store = new PostgresStore(pool, { table, logger });
  let calls = 0;
  await using _watch = await store.watch(() => {
    calls++;
    throw new Error("of the callback");
  });
  await createDue(store, "a");
  assertEquals(calls, 1);
  const other = await harness.another();
  for (const [index, slug] of ["b", "c"].entries()) {
    await createDue(other, slug);
    await until(() => calls === index + 2);
  }
  assert(logger.messages("error").every((one) => one.includes("threw")));
  assertEquals(logger.messages("error").length, calls);
});

Deno.test("a logger that throws does not end the listening", async () => {
  await using harness = openPostgres(server.url);
  const { pool, table } = harness;
  const fail = () => {
    throw new Error("of the logger");
  };
  const logger = { debug: fail, info: fail, warn: fail, error: fail };
  const store = new PostgresStore(pool, { table, logger, pollMs: 3_600_000 });
  let calls = 0;
  await using _watch = await store.watch(() => calls++);
  await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
    where query = 'listen "public.${table}"'`,
  );
  await until(() => calls > 0);
});

Deno.test("a flood of messages costs few looks", async () => {
  await using harness = openPostgres(server.url);
  const { store, pool, table } = harness;
  let looks = 0;
  let kinds: readonly string[] = [];
  await using _watch = await store.watch((change) => {
    looks++;
    kinds = [...kinds, ...change.kinds ?? []];
  });
  const start = performance.now();
  await pool.query(
    `select pg_notify($1, json_build_object('k', array['kind-' || n % 50], 'n', n)::text)
    from generate_series(1, 20000) n`,
    [`public.${table}`],
  );
  await pool.query("select pg_notify($1, $2)", [
    `public.${table}`,
    '{"k":["last"]}',
  ]);
  await until(() => kinds.includes("last"));
  const most = (performance.now() - start) / 5 + 2;
  assert(looks <= most, `${looks} looks`);
});
