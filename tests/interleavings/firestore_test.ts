import { test } from "../helpers/firestore_emulator.ts";
import { firestoreHarness } from "../helpers/firestore_harness.ts";
import { checkInterleavings } from "./check_interleavings.ts";

test("the Firestore store: each operation in each state, and a crash", async () => {
  await checkInterleavings(firestoreHarness, { every: 16 });
});
