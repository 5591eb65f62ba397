import { openPostgres } from "../helpers/postgres_harness.ts";
import {
  type PostgresServer,
  startPostgres,
} from "../helpers/postgres_server.ts";
import { checkStoreModel } from "../helpers/store_model.ts";
import { testJobStore } from "../testing.ts";

let server: PostgresServer;
Deno.test.beforeAll(async () => {
  server = await startPostgres();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

testJobStore({
  name: "PostgreSQL store",
  test: Deno.test,
  open: () => Promise.resolve(openPostgres(server.url)),
});

Deno.test("the PostgreSQL store agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(() => Promise.resolve(openPostgres(server.url)), {
    runs: 25,
    commands: 50,
  });
});
