import { sqliteHarness } from "../helpers/sqlite_harness.ts";
import { checkStoreModel } from "../helpers/store_model.ts";

Deno.test("the SQLite store agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(sqliteHarness, { runs: 100, commands: 60 });
});
