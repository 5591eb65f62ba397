import type { Firestore } from "@google-cloud/firestore";
import type { FullStore } from "../../src/api/job_store.ts";
import { FirestoreStore } from "../../stores/firestore.ts";
import type { StoreHarness } from "../conformance/store_harness.ts";
import {
  connect,
  moveIntoThePast,
  newCollection,
} from "./firestore_emulator.ts";

/** Opens a store on a new collection, each with a client of its own. */
export function firestoreHarness(): Promise<StoreHarness<FullStore>> {
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
}
