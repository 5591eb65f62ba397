/** What the collection says of its schema, and who takes part. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StoreUnusableError } from "../../../src/api/errors.ts";
import { FirestoreStore } from "../../../stores/firestore.ts";
import { createDue, lockRequest } from "../../conformance/store_harness.ts";
import {
  connect,
  newCollection,
  test,
} from "../../helpers/firestore_emulator.ts";

test("Firestore: a collection of another shape is refused, by every operation", async () => {
  const client = connect();
  const collection = newCollection();
  await client.collection(collection).doc("a").set({ slug: "a", kind: "work" });
  const store = new FirestoreStore(client, { collection });
  const claim = { slug: "a", version: 1, token: 1 };
  const acts = [
    () => store.nextRun({ kinds: ["work"] }),
    () => store.lock(lockRequest()),
    () => store.renew([claim], 1_000),
    () => store.reschedule([{ ...claim, next: undefined }]),
    () => createDue(store, "b"),
    () => store.getSlugs(),
    () => store.get("a"),
    () => store.delete("a"),
    () => store.clear(),
    () => store.watch(() => {}),
    () => store.listInstances(),
    () => store.removeInstance("a"),
  ];
  for (const act of acts) {
    const error = await assertRejects(act, StoreUnusableError) as Error;
    assertStringIncludes(error.message, "nothing in");
    assertStringIncludes(error.message, "expected an empty collection");
  }
  await client.collection(collection).doc("a").delete();
  await createDue(store, "b");
  await client.terminate();
});

test("Firestore: a schema that needs newer code is refused; a newer one that does not is fine", async () => {
  const client = connect();
  const collection = newCollection();
  const meta = client.collection(`${collection}_meta`).doc("schema");
  await createDue(new FirestoreStore(client, { collection }), "a");
  assertEquals((await meta.get()).data(), { schema: 1, readableBy: 1 });

  await meta.set({ schema: 7, readableBy: 1 });
  await createDue(new FirestoreStore(client, { collection }), "b");

  await meta.set({ schema: 7, readableBy: 2 });
  const error = await assertRejects(
    () => createDue(new FirestoreStore(client, { collection }), "c"),
    StoreUnusableError,
  ) as Error;
  assertStringIncludes(error.message, "which needs code that knows schema 2");
  await client.terminate();
});

test("Firestore: processes may begin at once on a new collection", async () => {
  const client = connect();
  const collection = newCollection();
  const slugs = ["a", "b", "c", "d", "e"];
  await Promise.all(
    slugs.map((slug) =>
      createDue(new FirestoreStore(client, { collection }), slug)
    ),
  );
  const store = new FirestoreStore(client, { collection });
  assertEquals((await store.getSlugs()).sort(), slugs);
  await client.terminate();
});
