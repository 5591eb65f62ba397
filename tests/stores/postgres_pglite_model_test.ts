import { pgliteForTests } from "../helpers/pglite_harness.ts";
import { checkStoreModel } from "../helpers/store_model.ts";

const open = pgliteForTests();

Deno.test("the PostgreSQL store on PGlite agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(open, { runs: 15, commands: 40 });
});
