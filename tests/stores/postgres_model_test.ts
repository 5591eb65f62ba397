import { openPostgres } from "../helpers/postgres_harness.ts";
import { test, url } from "../helpers/shared_postgres.ts";
import { checkStoreModel } from "../helpers/store_model.ts";

test("the PostgreSQL store agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(() => Promise.resolve(openPostgres(url)), {
    runs: 25,
    commands: 50,
  });
});
