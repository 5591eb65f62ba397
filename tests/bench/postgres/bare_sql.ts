import pg from "pg";
import type { Contender, OpenContender } from "./contender.ts";

/** How many rows one statement takes; larger batches are no faster. */
const BATCH = 1_000;

const SCHEMA = `create table if not exists task (
  slug text collate "C" primary key,
  kind text collate "C" not null,
  due timestamptz not null,
  payload bytea not null
);
create index if not exists task_due on task (kind, due)`;

const CLAIM = {
  name: "claim",
  text: `update task set due = now() + interval '30 s' where slug in (
  select slug from task where kind = 'noop' and due <= now()
  order by due limit $1 for update skip locked
) returning *`,
};

const DELETE = {
  name: "delete",
  text: `delete from task where slug = any($1)`,
};

/** The least that a queue has to do: claim a batch, run it, delete it. */
class OpenBareSql implements OpenContender {
  readonly #pool: pg.Pool;
  #inserted = 0;
  #isOver = false;
  #loop: Promise<void> | undefined;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url });
  }

  async prepare(): Promise<void> {
    await this.#pool.query(`select pg_advisory_lock(1); ${SCHEMA};
      select pg_advisory_unlock(1)`);
  }

  async insertDue(count: number): Promise<void> {
    await this.#insert(count, "now()");
  }

  async insertFuture(count: number): Promise<void> {
    await this.#insert(count, "now() + interval '1 hour'");
  }

  schedule(): Promise<void> {
    return Promise.reject(new Error("a bare loop has no wake-ups"));
  }

  work(_aim: string, onRun: (number: number) => void): Promise<void> {
    this.#loop = this.#run(onRun);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
    await this.#pool.end();
  }

  async #run(onRun: (number: number) => void): Promise<void> {
    while (!this.#isOver) {
      const { rows } = await this.#pool.query({ ...CLAIM, values: [BATCH] });
      for (const _ of rows) onRun(0);
      const slugs = rows.map(({ slug }) => slug);
      if (slugs.length > 0) {
        await this.#pool.query({ ...DELETE, values: [slugs] });
      } else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #insert(count: number, due: string): Promise<void> {
    for (let left = count; left > 0; left -= 10_000) {
      const slugs = Array.from(
        { length: Math.min(left, 10_000) },
        () => `task-${this.#inserted++}`,
      );
      await this.#pool.query(
        `insert into task (slug, kind, due, payload)
        select slug, 'noop', ${due}, '' from unnest($1::text[]) slug`,
        [slugs],
      );
    }
  }
}

/** A loop of two statements. */
export const bareSql: Contender = {
  name: "bare SQL",
  async open(url) {
    const open = new OpenBareSql(url);
    await open.prepare();
    return open;
  },
};
