import { openPostgres } from "../helpers/postgres_harness.ts";
import { test, url } from "../helpers/shared_postgres.ts";
import { checkInterleavings } from "./check_interleavings.ts";

test("the PostgreSQL store: each operation in each state, and a crash", async () => {
  await checkInterleavings(() => Promise.resolve(openPostgres(url)), {
    every: 2,
  });
});
