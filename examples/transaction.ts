/**
 * A task that is scheduled in a transaction exists if, and only if, the
 * transaction commits: no order without its mail, no mail without its order.
 * DATABASE_URL names another database.
 *
 *     docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=postgres postgres
 *     deno run -A examples/transaction.ts
 */
import { StdScheduler } from "@x/scheduler";
import { PostgresStore } from "@x/scheduler/stores/postgres";
import process from "node:process";
import pg from "pg";
import { say } from "./say.ts";

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL ??
    "postgres://postgres:postgres@localhost:5432/postgres",
});
await pool.query("create table if not exists orders (id serial, item text)");

const mailed = Promise.withResolvers<void>();
const scheduler = new StdScheduler(new PostgresStore(pool));
scheduler.registerJob("mail", (task) => {
  say(`mail: thank you for ordering ${task.json<{ item: string }>().item}`);
  mailed.resolve();
});
await scheduler.start();

async function order(item: string, isPaid: boolean): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const { rows: [{ id }] } = await client.query(
      "insert into orders (item) values ($1) returning id",
      [item],
    );
    await scheduler.scheduleJob(`mail-${id}`, "mail", {
      payload: { item },
      transaction: client,
    });
    await client.query(isPaid ? "commit" : "rollback");
    say(`${item}: ${isPaid ? "paid, committed" : "not paid, rolled back"}`);
  } finally {
    client.release();
  }
}

await order("a bicycle", false);
await order("a kettle", true);

await mailed.promise;
await scheduler.stop();
await pool.end();
