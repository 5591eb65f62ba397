/**
 * Durable cron on Firestore, shared by as many processes as you like. Start
 * Google's emulator and then this, in two terminals. Each tick runs in one of
 * the two; stop one, and the other continues. Without FIRESTORE_EMULATOR_HOST it
 * uses GOOGLE_CLOUD_PROJECT and your credentials.
 *
 *     gcloud emulators firestore start --host-port=127.0.0.1:8080
 *     FIRESTORE_EMULATOR_HOST=127.0.0.1:8080 deno run -A examples/firestore.ts
 */
import { Firestore } from "@google-cloud/firestore";
import { StdScheduler } from "@x/scheduler";
import { FirestoreStore } from "@x/scheduler/stores/firestore";
import process from "node:process";
import { ctrlC } from "./ctrl_c.ts";
import { say } from "./say.ts";

const firestore = new Firestore({
  projectId: process.env.GOOGLE_CLOUD_PROJECT ?? "scheduler-example",
  universeDomain: "googleapis.com",
});
const scheduler = new StdScheduler(new FirestoreStore(firestore));

scheduler.registerJob("tick", (task, { scheduledFor }) => {
  const lateMs = Date.now() - scheduledFor.getTime();
  say(`${task.slug}, ${lateMs} ms after it was due`);
});
await scheduler.start();

// The first process schedules it; the others find it there.
await scheduler.scheduleJob("every-five-seconds", "tick", {
  trigger: "*/5 * * * * *",
  onConflict: "keep",
});
say("waiting for the seconds 0, 5, 10 …; Ctrl-C ends it");

await ctrlC();
await scheduler.stop();
await firestore.terminate();
say("goodbye; the task stays in Firestore for the others");
