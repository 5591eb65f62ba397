import { sqliteHarness } from "../helpers/sqlite_harness.ts";
import { checkInterleavings } from "./check_interleavings.ts";

Deno.test("the SQLite store: each operation in each state, and a crash", async () => {
  await checkInterleavings(sqliteHarness);
});
