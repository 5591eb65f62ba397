import { pgliteForTests } from "../helpers/pglite_harness.ts";
import { checkInterleavings } from "./check_interleavings.ts";

const open = pgliteForTests();

Deno.test("the PostgreSQL store on PGlite: each operation in each state, and a crash", async () => {
  await checkInterleavings(open, { every: 7 });
});
