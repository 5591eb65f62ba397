/** The store moves to the server that takes changes. */
import { assertEquals, assertRejects } from "@std/assert";
import pg from "pg";
import { PostgresStore } from "../../stores/postgres.ts";
import { createDue, lockWork, slugsOf } from "../conformance/store_harness.ts";
import { openPostgres } from "../helpers/postgres_harness.ts";
import { ownServer, startPostgres } from "../helpers/postgres_server.ts";
import { RecordingLogger } from "../helpers/recording_logger.ts";
import { startStandby } from "./postgres/standby.ts";

Deno.test({
  name: "after a fail-over no connection to the read-only server is kept",
  ignore: !ownServer,
  async fn(t) {
    await using primary = await startPostgres();
    await using harness = openPostgres(primary.url);
    await createDue(harness.store, "a", "b");
    await using standby = await startStandby(primary);
    const { port: primaryPort } = new URL(primary.url);
    for (const listens of [false, true]) {
      await t.step(listens ? "listening" : "without listening", async () => {
        // What a name leads to changes with a fail-over.
        const address = { host: "127.0.0.1", port: standby.port };
        const login = { user: "postgres", database: "postgres" };
        const pool = new pg.Pool({ ...address, ...login, max: 4 });
        const { table } = harness;
        const store = new PostgresStore(pool, {
          table,
          listen: listens ? pool : false,
          logger: new RecordingLogger(),
          operationTimeoutMs: 2_000,
        });
        const watch = await store.watch(() => {});
        await Promise.all([1, 2, 3].map(() => store.getSlugs()));
        await assertRejects(() => lockWork(store), Error, "read-only");
        await Promise.all([1, 2, 3].map(() => store.getSlugs()));
        Object.assign(pool.options, { port: Number(primaryPort) });
        await assertRejects(() => lockWork(store), Error, "read-only");
        // Of several connections that were left, none is used any more.
        assertEquals(slugsOf(await lockWork(store)), ["a", "b"]);
        assertEquals(await lockWork(store), []);
        await createDue(store, "c");
        await store.delete("c");
        await harness.elapse(60_000);
        await watch[Symbol.asyncDispose]();
        await pool.end();
      });
    }
    await t.step("a standby that is promoted", async () => {
      const { pool } = harness;
      const address = { host: "127.0.0.1", port: standby.port };
      const login = { user: "postgres", database: "postgres" };
      const moved = new pg.Pool({ ...address, ...login });
      const store = new PostgresStore(moved, {
        table: harness.table,
        listen: false,
        operationTimeoutMs: 30_000,
      });
      await store.getSlugs();
      await pool.query("select pg_switch_wal()");
      // Creating waits for a server that takes changes.
      const created = createDue(store, "d");
      await standby.promote();
      await created;
      assertEquals((await store.get("d"))?.slug, "d");
      await moved.end();
    });
  },
});
