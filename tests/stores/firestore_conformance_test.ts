import type { Firestore } from "@google-cloud/firestore";
import { FirestoreStore } from "../../stores/firestore.ts";
import {
  connect,
  moveIntoThePast,
  newCollection,
  test,
} from "../helpers/firestore_emulator.ts";
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
