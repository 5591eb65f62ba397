/**
 * Durable cron on PostgreSQL, shared by as many processes as you like. Start a
 * database and then this, in two terminals. Each tick runs in one of the two;
 * stop one, and the other continues. DATABASE_URL names another database.
 *
 *     docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=postgres postgres
 *     deno run -A examples/postgres.ts
 */
import { StdScheduler } from "@x/scheduler";
import { PostgresStore } from "@x/scheduler/stores/postgres";
import process from "node:process";
import pg from "pg";
import { ctrlC } from "./ctrl_c.ts";
import { say } from "./say.ts";

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL ??
    "postgres://postgres:postgres@localhost:5432/postgres",
});
const scheduler = new StdScheduler(new PostgresStore(pool));

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
await pool.end();
say("goodbye; the task stays in PostgreSQL for the others");
