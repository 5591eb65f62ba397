/**
 * Measures the SQLite store on a real disk:
 *
 *     deno run -A tests/bench/sqlite.ts [tasks] [future tasks] [rounds]
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { percentile, print, rate } from "./report.ts";

const TASKS = Number(process.argv[2] ?? 100_000);
const FUTURE_TASKS = Number(process.argv[3] ?? 1_000_000);
/** The best of so many rounds counts: what disturbs only ever slows down. */
const ROUNDS = Number(process.argv[4] ?? 5);
const CREATE_BATCH = 10_000;

const directory = mkdtempSync(join(tmpdir(), "sqlite-bench-"));
let files = 0;
const newPath = () => join(directory, `${files++}.db`);

async function createTasks(
  store: SqliteStore,
  count: number,
  due: { inMs: number },
): Promise<void> {
  for (let from = 0; from < count; from += CREATE_BATCH) {
    const size = Math.min(CREATE_BATCH, count - from);
    await store.create(Array.from({ length: size }, (_, index) => ({
      slug: `task-${from + index}`,
      kind: "work",
      payload: new Uint8Array(),
      trigger: undefined,
      due,
      onConflict: "error" as const,
    })));
  }
}

async function newFile(count: number): Promise<string> {
  const path = newPath();
  await using store = new SqliteStore(path);
  await createTasks(store, count, { inMs: 0 });
  return path;
}

/** Seconds that the scheduler takes for no-op one-offs that are all due. */
async function scheduled(concurrency: number): Promise<number> {
  await using store = new SqliteStore(await newFile(TASKS));
  const scheduler = new StdScheduler(store, { concurrency });
  const all = Promise.withResolvers<void>();
  let runs = 0;
  scheduler.registerJob({
    kind: "work",
    execute: () => {
      if (++runs === TASKS) all.resolve();
    },
  });
  const start = performance.now();
  await scheduler.start();
  await all.promise;
  await scheduler.stop();
  const seconds = (performance.now() - start) / 1_000;
  const left = await store.getSlugs();
  if (left.length > 0) throw new Error(`${left.length} tasks are left`);
  return seconds;
}

/** Seconds that the same writes take with nothing around them. */
async function bare(batch: number): Promise<number> {
  const database = new DatabaseSync(await newFile(TASKS));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("PRAGMA cache_size = -16384");
  const claim = database.prepare(`
UPDATE schedules SET status = 1, version = version + 1, claimable_at = ?
WHERE id IN (
  SELECT id FROM schedules
  WHERE kind = 'work' AND priority = 3 AND claimable_at <= ?
  ORDER BY claimable_at LIMIT ?)
RETURNING *`);
  const remove = database.prepare(
    "DELETE FROM schedules WHERE slug = ? AND version = ?",
  );
  const start = performance.now();
  let claimed: { slug: string; version: number }[] = [];
  do {
    const now = Date.now();
    database.exec("BEGIN IMMEDIATE");
    for (const { slug, version } of claimed) remove.run(slug, version);
    claimed = claim.all(now + 30_000, now, batch) as unknown as typeof claimed;
    database.exec("COMMIT");
  } while (claimed.length > 0);
  const seconds = (performance.now() - start) / 1_000;
  database.close();
  return seconds;
}

async function throughput(concurrency: number): Promise<void> {
  let [our, their] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    our = Math.max(our, TASKS / await scheduled(concurrency));
    their = Math.max(their, TASKS / await bare(concurrency));
  }
  const share = `${Math.round(our / their * 100)} %`;
  const perSecond = (value: number) =>
    Math.round(value).toLocaleString("en") + "/s";
  print(
    `no-op jobs, concurrency ${concurrency}`,
    `${perSecond(our)}, bare ${perSecond(their)}: ${share}`,
  );
}

/** From the call of `scheduleJob` to the start of the job. */
async function latency(where: "here" | "elsewhere"): Promise<void> {
  const path = newPath();
  await using store = new SqliteStore(path);
  await using other = new SqliteStore(path);
  await using runner = new StdScheduler(store);
  await using caller = new StdScheduler(where === "here" ? store : other);
  let started = Promise.withResolvers<void>();
  runner.registerJob({ kind: "work", execute: () => started.resolve() });
  await runner.start();
  const times: number[] = [];
  for (let run = 0; run < 500; run++) {
    await delay(Math.random() * 10);
    started = Promise.withResolvers();
    const start = performance.now();
    await caller.scheduleJob(`task-${run}`, "work");
    await started.promise;
    times.push(performance.now() - start);
  }
  const ms = (percent: number) => percentile(times, percent).toFixed(1);
  print(
    `schedule → start, ${where}`,
    `p50 ${ms(50)} ms, p99 ${ms(99)} ms`,
  );
}

/** Measures for how long nothing else could run while `work` went on. */
async function longestTurn(work: () => Promise<void>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await work();
  clearInterval(timer);
  return longest;
}

async function claimMs(store: SqliteStore): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 200; round++) {
    await store.create(Array.from({ length: 10 }, (_, index) => ({
      slug: `due-${index}`,
      kind: "work",
      payload: new Uint8Array(),
      trigger: undefined,
      due: { inMs: 0 },
      onConflict: "error" as const,
    })));
    const start = performance.now();
    const tasks = await store.lock({
      kinds: [{ kind: "work" }],
      limit: 10,
      maxBytes: 2 ** 26,
      leaseMs: 30_000,
      holder: "bench",
      token: 1 + round,
    });
    times.push(performance.now() - start);
    await store.reschedule(tasks.map(({ slug, version, token }) => ({
      slug,
      version,
      token: token!,
      next: undefined,
    })));
  }
  return percentile(times, 50);
}

/** A million tasks in one call, and how long another process has to wait. */
async function oneLargeCall(): Promise<void> {
  const path = newPath();
  await using store = new SqliteStore(path);
  await using other = new SqliteStore(path);
  await other.getSlugs();
  const tasks = Array.from({ length: FUTURE_TASKS }, (_, index) => ({
    slug: `task-${index}`,
    kind: "work",
    payload: new Uint8Array(),
    trigger: undefined,
    due: { inMs: 86_400_000 },
    onConflict: "error" as const,
  }));
  const start = performance.now();
  let isDone = false;
  const created = store.create(tasks).finally(() => isDone = true);
  const waits: number[] = [];
  while (!isDone) {
    const before = performance.now();
    await other.delete("none");
    waits.push(performance.now() - before);
    await delay(10);
  }
  await created;
  print("create in one call", rate(FUTURE_TASKS, start));
  print(
    "another write meanwhile",
    `p50 ${percentile(waits, 50).toFixed(0)} ms, ` +
      `longest ${percentile(waits, 100).toFixed(0)} ms`,
  );
}

async function manyFutureTasks(): Promise<void> {
  await using empty = new SqliteStore(newPath());
  const emptyMs = await claimMs(empty);
  const path = newPath();
  await using store = new SqliteStore(path);
  const start = performance.now();
  const createTurnMs = await longestTurn(() =>
    createTasks(store, FUTURE_TASKS, { inMs: 86_400_000 })
  );
  print("create, 10,000 at a time", rate(FUTURE_TASKS, start));
  print("longest turn meanwhile", `${createTurnMs.toFixed(0)} ms`);
  const fullMs = await claimMs(store);
  print(
    "claim 10 among them",
    `${fullMs.toFixed(2)} ms, empty table ${emptyMs.toFixed(2)} ms`,
  );
  const slugsTurnMs = await longestTurn(async () =>
    void await store.getSlugs()
  );
  print("longest turn of getSlugs", `${slugsTurnMs.toFixed(0)} ms`);
  const clearTurnMs = await longestTurn(async () => {
    await store.close();
    const bytes = statSync(path).size / FUTURE_TASKS;
    print("file", `${bytes.toFixed(0)} bytes a task`);
    await using again = new SqliteStore(path);
    await again.clear();
  });
  print("longest turn of clear", `${clearTurnMs.toFixed(0)} ms`);
}

try {
  console.log(`SQLite store, ${TASKS.toLocaleString("en")} tasks`);
  for (const concurrency of [10, 100, 1_000]) await throughput(concurrency);
  await latency("here");
  await latency("elsewhere");
  console.log(`${FUTURE_TASKS.toLocaleString("en")} future tasks`);
  await manyFutureTasks();
  await oneLargeCall();
} finally {
  rmSync(directory, { recursive: true });
}
