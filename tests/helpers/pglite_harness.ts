import { PGlite } from "@electric-sql/pglite";
import { PostgresStore } from "../../stores/postgres.ts";
import type { FullStore } from "../../src/api/job_store.ts";
import type { StoreHarness } from "../conformance/store_harness.ts";
import { dropTables, elapseIn, newTableName } from "./postgres_harness.ts";

/** The database reports statistics to itself when it was idle for so long. */
const REPORT_MS = 10_000;

/** Gives the tests of a file a PGlite of their own. */
export function pgliteForTests(): () => Promise<StoreHarness<FullStore>> {
  const { setTimeout } = globalThis;
  let database: PGlite;
  Deno.test.beforeAll(async () => {
    // The timer for that belongs to no test: it would look like a leak.
    globalThis.setTimeout = Object.assign(
      (run: () => void, ms?: number, ...args: []) =>
        ms === REPORT_MS ? 0 : setTimeout(run, ms, ...args),
      setTimeout,
    );
    database = await PGlite.create();
  });
  Deno.test.afterAll(async () => {
    await database.close();
    globalThis.setTimeout = setTimeout;
  });
  return () => {
    const table = newTableName();
    const store = () => new PostgresStore(database, { table });
    return Promise.resolve({
      store: store(),
      another: () => Promise.resolve(store()),
      elapse: (ms) => elapseIn(database, table, ms),
      [Symbol.asyncDispose]: () => dropTables(database, table),
    });
  };
}
