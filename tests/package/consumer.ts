/** What a user writes: it must compile against the declarations as shipped. */
import {
  CronExpressionError,
  CronTrigger,
  CurlJob,
  ExponentialBackoff,
  FixedBackoff,
  type Job,
  type JobContext,
  type JobResult,
  PrintJob,
  SchedulerError,
  ShellJob,
  SimpleTrigger,
  StdScheduler,
  type StoreTask,
  type Trigger,
} from "@x/scheduler";
import { MemoryStore } from "@x/scheduler/stores/memory";
import { PostgresStore } from "@x/scheduler/stores/postgres";
import pg from "pg";

class Invoice implements Job {
  readonly kind = "invoice";

  execute(task: StoreTask, context: JobContext): JobResult {
    const { amount } = task.json<{ amount: number }>();
    task.result = `${amount} at ${context.scheduledFor.toISOString()}`;
    return context.signal.aborted ? null : task;
  }
}

const once: Trigger = { nextFireTime: () => undefined };

/** Schedules one of everything. */
export async function main(signal: AbortSignal): Promise<string[]> {
  await using scheduler = new StdScheduler(new MemoryStore(), {
    concurrency: 4,
    leaseMs: 10_000,
  });
  const invoice = new Invoice();
  scheduler.registerJob(invoice, {
    trigger: new CronTrigger("0 9 * * MON", { timeZone: "Europe/Lisbon" }),
    backoff: new ExponentialBackoff({ initialMs: 1_000 }),
  });
  scheduler.registerJob(new PrintJob(), { trigger: once });
  scheduler.registerJob(new ShellJob(), {
    backoff: new FixedBackoff([1_000, 5_000]),
  });
  scheduler.registerJob(new CurlJob("curl", "https://example.com/"));
  await scheduler.start(signal);
  await scheduler.scheduleJob("invoice-7", invoice, {
    payload: { amount: 12 },
    trigger: new SimpleTrigger(60_000),
    onConflict: "replace",
  });
  const { nextRunTime } = await scheduler.getScheduledJob("invoice-7");
  const next = nextRunTime?.toISOString() ?? "never";
  return [next, ...await scheduler.getJobSlugs()];
}

/** Schedules in a transaction, with the client as its own types describe it. */
export async function order(pool: pg.Pool): Promise<void> {
  const scheduler = new StdScheduler(
    new PostgresStore(pool, { listen: new pg.Pool({ max: 2 }) }),
  );
  const client = await pool.connect();
  await client.query("begin");
  await scheduler.scheduleJob("mail-7", "mail", { transaction: client });
  await client.query("commit");
  client.release();
}

/** Tells the errors apart. */
export function explain(error: unknown): string {
  if (error instanceof CronExpressionError) return error.field ?? "expression";
  return error instanceof SchedulerError ? error.message : String(error);
}
