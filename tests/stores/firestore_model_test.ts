import { test } from "../helpers/firestore_emulator.ts";
import { firestoreHarness } from "../helpers/firestore_harness.ts";
import { checkStoreModel } from "../helpers/store_model.ts";

test("the Firestore store agrees with a naive model, whatever is done to it", async () => {
  await checkStoreModel(firestoreHarness, { runs: 5, commands: 40 });
});
