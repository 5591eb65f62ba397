import { PGlite } from "@electric-sql/pglite";
import { PostgresStore } from "../../stores/postgres.ts";
import { elapseIn, newTableName } from "../helpers/postgres_harness.ts";
import { testJobStore } from "../testing.ts";

let database: PGlite;
Deno.test.beforeAll(async () => {
  database = new PGlite();
  // The first write starts a timer that is there to stay.
  await database.exec("create table first_write (); drop table first_write");
});
Deno.test.afterAll(async () => {
  await database.close();
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
