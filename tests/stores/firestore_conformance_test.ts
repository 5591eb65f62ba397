import type { Firestore } from "@google-cloud/firestore";
import { FirestoreStore } from "../../stores/firestore.ts";
import { connect, newCollection, test } from "../helpers/firestore_emulator.ts";
import { testJobStore } from "../testing.ts";

testJobStore({
  name: "Firestore store",
  test,
  open() {
    const collection = newCollection();
    const clients: Firestore[] = [];
    const open = () => {
      const client = connect();
      clients.push(client);
      return new FirestoreStore(client, { collection, timeoutMs: 30_000 });
    };
    const store = open();
    return Promise.resolve({
      store,
      elapse: (ms) => moveIntoThePast(clients[0], collection, ms),
      another: () => Promise.resolve(open()),
      async [Symbol.asyncDispose]() {
        await store.clear();
        for (const client of clients) await client.terminate();
      },
    });
  },
});

/** Moves all instants that are stored into the past. */
async function moveIntoThePast(
  client: Firestore,
  collection: string,
  ms: number,
): Promise<void> {
  const { docs } = await client.collection(collection).get();
  await Promise.all(docs.map((document) => {
    const times = ["when", "scheduledFor", "claimableAt", "announcedAt"]
      .filter((field) => document.get(field) !== null)
      .map((field) => {
        const time: Date = document.get(field).toDate();
        return [field, new Date(time.getTime() - ms)];
      });
    return document.ref.update(Object.fromEntries(times));
  }));
}
