/** Runs the smoke test in the emulator, with the client that is installed. */
import { createRequire } from "node:module";
import { Firestore } from "@google-cloud/firestore";
import * as scheduler from "@x/scheduler";
import { FirestoreStore } from "@x/scheduler/stores/firestore";
import { smoke } from "./smoke.mjs";

const { version } = createRequire(import.meta.url)(
  "@google-cloud/firestore/package.json",
);
const client = new Firestore({ projectId: "scheduler-test" });
const collection = `package/${crypto.randomUUID()}/schedules`;
await smoke(scheduler, new FirestoreStore(client, { collection }));
await client.terminate();
console.log(`version ${version}`);
