/** What a user writes: Google's client must fit the store as it is. */
import { Firestore } from "@google-cloud/firestore";
import { StdScheduler } from "@x/scheduler";
import { FirestoreStore } from "@x/scheduler/stores/firestore";

/** A scheduler with options for the client and for the store. */
export const scheduler: StdScheduler = new StdScheduler(
  new FirestoreStore(new Firestore({ projectId: "test" }), {
    collection: "schedules",
  }),
);
