import { PGlite } from "@electric-sql/pglite";
import { PostgresStore } from "../../stores/postgres.ts";
import { elapseIn, newTableName } from "../helpers/postgres_harness.ts";
import { testJobStore } from "../testing.ts";

/** The database reports statistics to itself when it was idle for so long. */
const REPORT_MS = 10_000;

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

testJobStore({
  name: "PostgreSQL store on PGlite",
  test: Deno.test,
  open() {
    const table = newTableName();
    const store = () => new PostgresStore(database, { table });
    return Promise.resolve({
      store: store(),
      another: () => Promise.resolve(store()),
      elapse: (ms) => elapseIn(database, table, ms),
      async [Symbol.asyncDispose]() {
        await database.query(`drop table if exists ${table}`);
      },
    });
  },
});
