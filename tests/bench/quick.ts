/**
 * What a change costs, in under two minutes: PostgreSQL and SQLite at default
 * settings with fsync on, as ratios to a loop of bare SQL that claims and
 * deletes, in one run. To be run before and after a change:
 *
 *     deno task bench:quick
 */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import pg from "pg";
import type { JobStore } from "../../src/api/job_store.ts";
import { PostgresStore } from "../../stores/postgres.ts";
import { SqliteStore } from "../../stores/sqlite.ts";
import { StdScheduler } from "../../triggers/std_scheduler.ts";
import { startPostgres } from "../helpers/postgres_server.ts";
import { systemClock } from "../../src/api/clock.ts";

const ROUNDS = 3;
const TASKS = 10_000;
const SLEEPS = { tasks: 1_000, ms: 5 };
const KINDS = ["k0", "k1", "k2", "k3", "k4"];
const BARE_BATCH = 500;

/** A database to measure on: its store, and the same work in bare SQL. */
interface Bench {
  readonly name: string;
  newStore(): Promise<JobStore & Partial<AsyncDisposable>>;
  /** Seconds for `TASKS` tasks in bare SQL. */
  bare(): Promise<number>;
}

interface Load {
  readonly name: string;
  readonly concurrency?: number;
  readonly kinds: readonly string[];
  readonly tasks: number;
  readonly sleepMs?: number;
}

const LOADS: readonly Load[] = [
  { name: "no-op, default", kinds: ["k0"], tasks: TASKS },
  { name: "no-op, default, 5 kinds", kinds: KINDS, tasks: TASKS },
  { name: "no-op, 500", concurrency: 500, kinds: ["k0"], tasks: TASKS },
  {
    name: "no-op, 500, 5 kinds",
    concurrency: 500,
    kinds: KINDS,
    tasks: TASKS,
  },
  {
    name: `${SLEEPS.ms} ms, default`,
    kinds: ["k0"],
    tasks: SLEEPS.tasks,
    sleepMs: SLEEPS.ms,
  },
];

/** Seconds from start until the last task is done and gone. */
async function drain(store: JobStore, load: Load): Promise<number> {
  const { concurrency, kinds, tasks, sleepMs } = load;
  const scheduler = new StdScheduler(store, { concurrency });
  const all = Promise.withResolvers<void>();
  let runs = 0;
  const count = () => {
    if (++runs === tasks) all.resolve();
  };
  for (const kind of kinds) {
    scheduler.registerJob(
      kind,
      sleepMs === undefined ? count : async () => {
        await systemClock.sleep(sleepMs);
        count();
      },
    );
  }
  const entries = Array.from({ length: tasks }, (_, index) => ({
    slug: `task-${index}`,
    job: kinds[index % kinds.length],
    payload: new Uint8Array(200),
    delayMs: 0,
  }));
  for (let from = 0; from < tasks; from += 2_000) {
    await scheduler.scheduleJobs(entries.slice(from, from + 2_000));
  }
  const start = performance.now();
  await scheduler.start();
  await all.promise;
  await scheduler.stop();
  return (performance.now() - start) / 1_000;
}

async function postgresBench(url: string): Promise<Bench> {
  const pool = new pg.Pool({ connectionString: url });
  let tables = 0;
  await pool.query(`create table bare (slug text primary key,
    kind text not null, payload bytea, claimable_at timestamptz not null,
    version bigint not null)`);
  await pool.query("create index on bare (kind, claimable_at)");
  const claim = {
    name: "bare_claim",
    text: `update bare set version = version + 1,
      claimable_at = now() + interval '30 s'
      where ctid = any(array(select ctid from bare
        where kind = 'k0' and claimable_at <= now() order by claimable_at
        limit ${BARE_BATCH} for update skip locked))
      returning slug, version, payload`,
  };
  const settle = (values: unknown[]) => ({
    name: "bare_settle",
    text: `delete from bare b using unnest($1::text[], $2::bigint[])
      as c(slug, version) where b.slug = c.slug and b.version = c.version`,
    values,
  });
  return {
    name: "PostgreSQL",
    newStore: () => {
      const store = new PostgresStore(pool, { table: `quick_${tables++}` });
      return Promise.resolve(store);
    },
    async bare() {
      await pool.query(
        `insert into bare select 'task-' || i, 'k0',
          decode(repeat('00', 200), 'hex'), now(), 0
          from generate_series(1, $1::int) i`,
        [TASKS],
      );
      const start = performance.now();
      await Promise.all([1, 2].map(async () => {
        for (;;) {
          const { rows } = await pool.query(claim);
          if (rows.length === 0) return;
          const slugs = rows.map(({ slug }) => slug);
          const versions = rows.map(({ version }) => version);
          await pool.query(settle([slugs, versions]));
        }
      }));
      return (performance.now() - start) / 1_000;
    },
  };
}

function sqliteBench(directory: string): Bench {
  let files = 0;
  const newPath = () => join(directory, `${files++}.db`);
  return {
    name: "SQLite",
    newStore: () => Promise.resolve(new SqliteStore(newPath())),
    bare() {
      const database = new DatabaseSync(newPath());
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE bare (id INTEGER PRIMARY KEY, slug TEXT UNIQUE,
          kind TEXT, payload BLOB, claimable_at INTEGER, version INTEGER);
        CREATE INDEX bare_claimable ON bare (kind, claimable_at);
        BEGIN`);
      const insert = database.prepare(
        "INSERT INTO bare VALUES (NULL, ?, 'k0', ?, 0, 0)",
      );
      const payload = new Uint8Array(200);
      for (let task = 0; task < TASKS; task++) {
        insert.run(`task-${task}`, payload);
      }
      database.exec("COMMIT");
      const claim = database.prepare(`UPDATE bare SET version = version + 1,
        claimable_at = 9e15 WHERE id IN (SELECT id FROM bare
          WHERE kind = 'k0' AND claimable_at <= 1
          ORDER BY claimable_at LIMIT ${BARE_BATCH})
        RETURNING slug, version, payload`);
      const remove = database.prepare(
        "DELETE FROM bare WHERE slug = ? AND version = ?",
      );
      const start = performance.now();
      let claimed: Record<string, string>[] = [];
      do {
        database.exec("BEGIN IMMEDIATE");
        for (const { slug, version } of claimed) remove.run(slug, version);
        claimed = claim.all() as typeof claimed;
        database.exec("COMMIT");
      } while (claimed.length > 0);
      const seconds = (performance.now() - start) / 1_000;
      database.close();
      return Promise.resolve(seconds);
    },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function row(name: string, rate: string, ratio: string): void {
  console.log(`| ${name.padEnd(26)} | ${rate.padStart(9)} | ${ratio} |`);
}

async function measure(bench: Bench): Promise<void> {
  const bare: number[] = [];
  const rates = new Map<Load, number[]>(LOADS.map((load) => [load, []]));
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(TASKS / await bench.bare());
    for (const [load, seen] of rates) {
      const store = await bench.newStore();
      seen.push(load.tasks / await drain(store, load));
      await store[Symbol.asyncDispose]?.();
    }
  }
  console.log(`\n| ${bench.name.padEnd(26)} |  tasks/s  | ratio |`);
  console.log(`| -------------------------- | --------: | ----- |`);
  const floor = median(bare);
  const perSecond = (rate: number) => Math.round(rate).toLocaleString("en");
  row(`bare SQL, batches of ${BARE_BATCH}`, perSecond(floor), "1");
  for (const [{ name, sleepMs }, seen] of rates) {
    const rate = median(seen);
    const best = sleepMs === undefined ? floor : 10 * 1_000 / sleepMs;
    const of = sleepMs === undefined ? "bare" : "ideal";
    row(name, perSecond(rate), `${(rate / best).toFixed(2)} of ${of}`);
  }
}

if (import.meta.main) {
  const directory = await Deno.makeTempDir({ prefix: "scheduler-quick-" });
  const server = await startPostgres({ fsync: true });
  try {
    console.log(`Medians of ${ROUNDS} rounds, payloads of 200 bytes`);
    await measure(await postgresBench(server.url));
    await measure(sqliteBench(directory));
  } finally {
    await server[Symbol.asyncDispose]();
    await Deno.remove(directory, { recursive: true });
    Deno.exit();
  }
}
