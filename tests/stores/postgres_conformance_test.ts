import { openPostgres } from "../helpers/postgres_harness.ts";
import { test, url } from "../helpers/shared_postgres.ts";
import { testJobStore } from "../testing.ts";

testJobStore({
  name: "PostgreSQL store",
  test,
  open: () => Promise.resolve(openPostgres(url)),
});
