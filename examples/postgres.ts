/**
 * Durable cron, shared by as many processes as you like. Start a database:
 *
 *     docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=postgres postgres
 *
 * and then this, in two terminals:
 *
 *     deno run -A examples/postgres.ts
 *
 * Each tick runs in one of the two. Stop one, and the other goes on.
 */
import { CronTrigger, type Job, StdScheduler } from "@x/scheduler";
import { PostgresStore } from "@x/scheduler/stores/postgres";
import process from "node:process";
import pg from "pg";
import { ctrlC } from "./ctrl_c.ts";

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL ??
    "postgres://postgres:postgres@localhost:5432/postgres",
});
const scheduler = new StdScheduler(new PostgresStore(pool));

const tick: Job = {
  kind: "tick",
  execute(task, { scheduledFor }) {
    console.log(`${task.slug} of ${scheduledFor.toISOString()}`);
  },
};
scheduler.registerJob(tick);
await scheduler.start();

// The first process schedules it; for the others it is there already.
await scheduler.scheduleJob("every-five-seconds", tick, {
  trigger: new CronTrigger("*/5 * * * * *"),
  onConflict: "keep",
});

await ctrlC();
await scheduler.stop();
await pool.end();
