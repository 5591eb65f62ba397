/**
 * A process that runs tasks: started by tests with its settings as JSON, says
 * what happens in lines of JSON, lets its tasks go when it is told something,
 * and stops when its input ends.
 */
import pg from "pg";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { systemClock } from "../../src/api/clock.ts";
import type { Logger } from "../../src/api/logger.ts";
import type { StoreTask } from "../../src/api/task.ts";
import { PostgresStore } from "../../stores/postgres.ts";

/** What a worker is told when it is started. */
export interface WorkerSettings {
  readonly url: string;
  readonly table: string;
  /**
   * Tasks of these kinds take as many milliseconds as their payload says, or
   * last until they are let go.
   */
  readonly kinds: readonly string[];
  readonly concurrency?: number;
  readonly leaseMs?: number;
  /** How wrong its clock is. */
  readonly clockOffsetMs?: number;
}

/** The payload of a task that lasts until it is let go, or aborted. */
export const HELD = "held";

/** What a worker says. */
export interface WorkerEvent {
  readonly event:
    | "ready"
    | "started"
    | "finished"
    | "aborted"
    | "log"
    | "stopped";
  readonly slug?: string;
  readonly version?: number;
  readonly text?: string;
}

function say(event: WorkerEvent): void {
  console.log(JSON.stringify(event));
}

const released = Promise.withResolvers<void>();

async function work(
  { slug, version, payload }: StoreTask,
  signal: AbortSignal,
) {
  say({ event: "started", slug, version });
  const text = new TextDecoder().decode(payload);
  if (text === HELD) {
    await Promise.race([released.promise, aborted(signal)]);
  } else if (text !== "") {
    await systemClock.sleep(Number(text), signal);
  }
  if (signal.aborted) {
    say({ event: "aborted", slug, version, text: signal.reason.name });
  } else {
    say({ event: "finished", slug, version });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve())
  );
}

if (import.meta.main) {
  const settings: WorkerSettings = JSON.parse(Deno.args[0]);
  const { clockOffsetMs = 0, concurrency, leaseMs } = settings;
  const log = (text: string) => say({ event: "log", text });
  const logger: Logger = { debug() {}, info: log, warn: log, error: log };
  const pool = new pg.Pool({ connectionString: settings.url });
  const store = new PostgresStore(pool, { table: settings.table, logger });
  const scheduler = new StdScheduler(store, {
    concurrency,
    leaseMs,
    logger,
    heartbeatMs: 3_600_000,
    clock: { ...systemClock, now: () => Date.now() + clockOffsetMs },
  });
  for (const kind of settings.kinds) {
    scheduler.registerJob({
      kind,
      execute: (task, { signal }) => work(task, signal),
    });
  }
  await scheduler.start();
  say({ event: "ready" });
  // Whatever it is told means that tasks are let go; the end ends it.
  for await (const _ of Deno.stdin.readable) released.resolve();
  await scheduler.stop();
  await pool.end();
  say({ event: "stopped" });
}
