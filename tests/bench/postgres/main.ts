/**
 * Measures the PostgreSQL store beside other queues, in one run:
 *
 *     deno task bench:postgres
 *
 * Each contender gets a new database for each measurement, on a server that is
 * started for this (or the one of `DATABASE_URL`). All run on the same runtime.
 * The table shows the medians of all rounds. Arguments pick measurements: drain,
 * latency, claim, idle.
 */
import pg from "pg";
import { startPostgres } from "../../helpers/postgres_server.ts";
import { PostgresStore } from "../../../stores/postgres.ts";
import { percentile } from "../report.ts";
import type { Contender, OpenContender } from "./contender.ts";
import { contenders } from "./contenders.ts";
import { CountingProxy } from "./counting_proxy.ts";

const TASKS = 50_000;
const FUTURE = 10_000;
const SINGLES = 500;
const ROUNDS = 5;

await using server = await startPostgres();
const admin = new pg.Pool({ connectionString: server.url });
admin.on("error", console.error);
/** What was measured, in each round: one number, or two. */
const results: Record<string, Record<string, number[][]>> = {};
const units: Record<string, string> = {};

function report(
  what: string,
  who: Contender,
  unit: string,
  ...values: number[]
): void {
  units[what] = unit;
  ((results[what] ??= {})[who.name] ??= []).push(values);
  console.error(
    `${what.padEnd(54)} ${who.name.padEnd(16)} ${format(values, unit)}`,
  );
}

function format(values: readonly number[], unit: string): string {
  const digits = unit === "" ? 0 : 1;
  const numbers = values.map((value) => value.toFixed(digits)).join(" / ");
  return unit === "" ? numbers : `${numbers} ${unit}`;
}

/** Runs a measurement on a new database. */
async function withDatabase<T>(run: (url: string) => Promise<T>): Promise<T> {
  const name = `bench_${crypto.randomUUID().replaceAll("-", "")}`;
  await admin.query(`create database ${name}`);
  const url = new URL(server.url);
  url.pathname = name;
  try {
    return await run(url.href);
  } finally {
    await drop(name);
  }
}

/** Connections may take a moment to end. */
async function drop(database: string, tries = 50): Promise<void> {
  try {
    await admin.query(`drop database ${database}`);
  } catch (error) {
    if (tries === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await drop(database, tries - 1);
  }
}

/** Lets a contender prepare its database, or fill it. */
async function fill(
  contender: Contender,
  url: string,
  run: (open: OpenContender) => Promise<void>,
): Promise<void> {
  const open = await contender.open(url);
  await run(open);
  await open.close();
}

/** A process that works for a contender. */
class Worker {
  runs = 0;
  readonly startedAt = new Map<number, number>();
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #said = new Set<string>();
  #onLine = () => {};

  private constructor(
    contender: Contender,
    url: string,
    warmUpUrl: string,
    aim: string,
  ) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check"],
        ...["--config", new URL("deno.json", import.meta.url).pathname],
        new URL("worker.ts", import.meta.url).pathname,
        ...[contender.name, url, warmUpUrl, aim],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    void this.#read();
  }

  static async start(
    contender: Contender,
    url: string,
    aim: "throughput" | "latency",
  ): Promise<Worker> {
    return await withDatabase(async (warmUpUrl) => {
      const worker = new Worker(contender, url, warmUpUrl, aim);
      await worker.until(() => worker.#said.has("ready"));
      return worker;
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#onLine = resolve);
    }
  }

  async go(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("go\n"));
  }

  async working(): Promise<void> {
    await this.go();
    await this.until(() => this.#said.has("working"));
  }

  async end(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("end\n"));
    await this.#process.status;
  }

  async #read(): Promise<void> {
    let rest = "";
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#hear(line.split(" "));
      this.#onLine();
    }
  }

  #hear([word, ...values]: string[]): void {
    this.#said.add(word);
    if (word === "runs") this.runs = Number(values[0]);
    if (word === "start") {
      this.startedAt.set(Number(values[0]), Number(values[1]));
    }
  }
}

async function insert(contender: Contender): Promise<void> {
  await withDatabase(async (url) => {
    await fill(contender, url, async (open) => {
      const start = performance.now();
      await open.insertDue(TASKS);
      const took = performance.now() - start;
      report("bulk insert", contender, "k/s", TASKS / took);
    });
  });
}

/** Tasks a millisecond, from the start of the workers to the last run. */
async function drain(
  contender: Contender,
  processes: number,
  what: string,
  withOldSnapshot = false,
): Promise<void> {
  await withDatabase(async (url) => {
    await fill(contender, url, () => Promise.resolve());
    const old = new pg.Client({ connectionString: url });
    old.on("error", () => {});
    await old.connect();
    if (withOldSnapshot) {
      await old.query("begin isolation level repeatable read; select 1");
    }
    await fill(contender, url, (open) => open.insertDue(TASKS));
    const workers: Worker[] = [];
    while (workers.length < processes) {
      workers.push(await Worker.start(contender, url, "throughput"));
    }
    const start = performance.now();
    const runs = () => workers.reduce((sum, worker) => sum + worker.runs, 0);
    await Promise.all(workers.map((worker) => worker.go()));
    while (runs() < TASKS) await new Promise((r) => setTimeout(r, 5));
    const took = performance.now() - start;
    await Promise.all(workers.map((worker) => worker.end()));
    const twice = runs() - TASKS;
    report(what, contender, "k/s", TASKS / took);
    if (twice > 0) console.error(`${twice} tasks ran twice`);
    await old.end();
  });
}

async function latency(contender: Contender): Promise<void> {
  await withDatabase(async (url) => {
    const open = await contender.open(url);
    const worker = await Worker.start(contender, url, "latency");
    await worker.working();
    const scheduledAt: number[] = [];
    for (let number = 0; number < SINGLES; number++) {
      await new Promise((resolve) => setTimeout(resolve, 5 + number % 10));
      scheduledAt.push(performance.timeOrigin + performance.now());
      await open.schedule(number);
    }
    await worker.until(() => worker.startedAt.size === SINGLES);
    const ms = scheduledAt.map((at, number) =>
      worker.startedAt.get(number)! - at
    );
    report(
      "schedule → start in another process, p50 / p99",
      contender,
      "ms",
      percentile(ms, 50),
      percentile(ms, 99),
    );
    await worker.end();
    await open.close();
  });
}

async function idle(contender: Contender): Promise<void> {
  await withDatabase(async (url) => {
    await fill(contender, url, (open) => open.insertFuture(FUTURE));
    using proxy = new CountingProxy(url);
    const worker = await Worker.start(contender, proxy.url, "latency");
    await worker.working();
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    const before = proxy.statements;
    const minutes = 2;
    await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
    const count = (proxy.statements - before) / minutes;
    report(
      `statements a minute, idle, ${FUTURE.toLocaleString("en")} future tasks`,
      contender,
      "",
      count,
    );
    await worker.end();
  });
}

/** The claim of 100 tasks, with other rows in the table. */
async function claim(): Promise<void> {
  const [contender] = contenders;
  await withDatabase(async (url) => {
    const pool = new pg.Pool({ connectionString: url });
    const store = new PostgresStore(pool);
    const measure = async (rows: string) => {
      const ms: number[] = [];
      for (let round = 0; round < 50; round++) {
        await createTasks(store, 100, `round-${round}`, "noop", 0);
        const start = performance.now();
        const tasks = await store.lock({
          kinds: ["noop", "mail", "report"],
          limit: 100,
          leaseMs: 30_000,
        });
        ms.push(performance.now() - start);
        await store.reschedule(
          tasks.map((task) => ({ ...task, next: undefined })),
        );
      }
      report(`claim of 100, ${rows}`, contender, "ms", percentile(ms, 50));
    };
    await measure("empty table");
    for (let part = 0; part < 100; part++) {
      await createTasks(store, 10_000, `future-${part}`, "noop", 3_600_000);
    }
    await measure("1,000,000 future rows");
    await createTasks(store, 50_000, "unknown", "unknown", 0);
    await measure("and 50,000 due rows of an unknown kind");
    await pool.end();
  });
}

async function createTasks(
  store: PostgresStore,
  count: number,
  name: string,
  kind: string,
  inMs: number,
): Promise<void> {
  await store.create(Array.from({ length: count }, (_, index) => ({
    slug: `${name}-${index}`,
    kind,
    payload: new Uint8Array(),
    trigger: undefined,
    due: { inMs },
    onConflict: "error",
  })));
}

function printTable(): void {
  const names = contenders.map(({ name }) => name);
  const row = (cells: string[]) => console.log(`| ${cells.join(" | ")} |`);
  row(["", ...names]);
  row(["---", ...names.map(() => "---:")]);
  for (const [what, of] of Object.entries(results)) {
    row([what, ...names.map((name) => median(of[name], units[what]))]);
  }
}

function median(rounds: number[][] | undefined, unit: string): string {
  if (rounds === undefined) return "–";
  const medians = rounds[0].map((_, index) =>
    percentile(rounds.map((values) => values[index]), 50)
  );
  return format(medians, unit);
}

const withWakeUps = contenders.filter(({ name }) => name !== "bare SQL");
const wanted = new Set(Deno.args);
const isWanted = (part: string) => wanted.size === 0 || wanted.has(part);
for (let round = 0; round < ROUNDS; round++) {
  if (isWanted("drain")) {
    for (const one of contenders) await insert(one);
    for (const one of contenders) await drain(one, 1, "drain, 1 process");
    for (const one of contenders) await drain(one, 4, "drain, 4 processes");
    for (const one of contenders) {
      await drain(one, 1, "drain, 1 process, old snapshot open", true);
    }
  }
  if (isWanted("latency")) {
    for (const one of withWakeUps) await latency(one);
  }
}
if (isWanted("claim")) await claim();
if (isWanted("idle")) await Promise.all(withWakeUps.map(idle));
printTable();
await admin.end();
