import type { CreateOutcome, NewTask } from "../../src/api/job_store.ts";
import type { SqliteValue } from "./database.ts";
import { GROUP_SIZE, type SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import { GatheredChange } from "../../src/core/watchers.ts";
import { ROWS_PER_STEP, type Steps } from "./steps.ts";
import type { SqliteVersions } from "./versions.ts";

/** What is in the way of a new task. */
type OldRow = [
  kind: string,
  status: number,
  gate: number,
  runAt: number,
  version: number,
  revision: number,
  createdAt: number,
  keepUntil: number | null,
];

/** What a task starts with. */
interface Beginning {
  readonly task: NewTask;
  /** Of which large creation it is part. */
  readonly creation: number | null;
  readonly due: number;
  readonly version: number;
  readonly revision: number;
  readonly createdAt: number;
}

/** Creates tasks. Steps need a transaction. */
export class SqliteCreation {
  readonly #statements: SqliteStatements;
  readonly #sql: SqliteSql;
  readonly #versions: SqliteVersions;

  constructor(
    statements: SqliteStatements,
    sql: SqliteSql,
    versions: SqliteVersions,
  ) {
    this.#statements = statements;
    this.#sql = sql;
    this.#versions = versions;
  }

  /**
   * Adds tasks; none if any with `onConflict` `"error"` is taken. Those go
   * first, so that only new rows have to be taken back.
   */
  *create(
    tasks: readonly NewTask[],
    now: number,
    change: GatheredChange,
  ): Steps<CreateOutcome[]> {
    const indices = [...tasks.keys()];
    const isStrict = (index: number) => tasks[index].onConflict === "error";
    const outcomes = new Array<CreateOutcome>(tasks.length).fill("withheld");
    for (
      const phase of [
        indices.filter(isStrict),
        indices.filter((index) => !isStrict(index)),
      ]
    ) {
      const reached = yield* this.#createAll(
        phase.map((index) => tasks[index]),
        null,
        now,
        change,
      );
      phase.forEach((index, at) => outcomes[index] = reached[at]);
      if (reached.includes("taken")) {
        return yield* this.#takeBack(tasks, outcomes);
      }
    }
    return outcomes;
  }

  /**
   * Adds tasks, which are all to be new, as a part of a large creation: they
   * can be claimed only when that is complete.
   */
  *stage(
    creation: number,
    tasks: readonly NewTask[],
    now: number,
  ): Steps<CreateOutcome[]> {
    return yield* this.#createAll(tasks, creation, now, new GatheredChange());
  }

  /** Whether the slug is taken. Needs no transaction. */
  isTaken(slug: string, now: number): boolean {
    const [old] = this.#statements.rows<OldRow>(this.#sql.conflicting, slug);
    return old !== undefined && !isGone(old, now);
  }

  *#createAll(
    tasks: readonly NewTask[],
    creation: number | null,
    now: number,
    change: GatheredChange,
  ): Steps<CreateOutcome[]> {
    const outcomes: CreateOutcome[] = [];
    const version = this.#versions.floor(now);
    for (let from = 0; from < tasks.length; from += GROUP_SIZE) {
      const group = tasks.slice(from, from + GROUP_SIZE).map((task) => {
        const due = dueTime(task, now);
        return { creation, task, due, version, revision: 0, createdAt: now };
      });
      const added = this.#insertSome(group);
      for (const beginning of group) {
        const { task: { slug, kind }, due } = beginning;
        if (added === undefined || added.has(slug)) {
          change.add(kind, due);
          outcomes.push("created");
        } else {
          outcomes.push(this.#resolve(beginning, now, change));
        }
      }
      if (from % ROWS_PER_STEP < GROUP_SIZE) yield;
    }
    return outcomes;
  }

  /** Adds those whose slugs have no row; returns which, if not all. */
  #insertSome(group: readonly Beginning[]): Set<string> | undefined {
    if (group.length < GROUP_SIZE || !group.every(isPlain)) {
      const added = group.filter((one) => this.#write(this.#sql.insert, one));
      return new Set(added.map(({ task }) => task.slug));
    }
    const [[lastId]] = this.#statements.rows<[number]>(this.#sql.lastId);
    const { version, createdAt, creation } = group[0];
    const values: SqliteValue[] = [version, createdAt, creation];
    for (const { task, due } of group) {
      const { slug, kind, priority = 3, payload } = task;
      values.push(slug, kind, priority, due, payload);
    }
    const count = this.#statements.run(this.#sql.insertGroup, ...values);
    if (count === group.length) return undefined;
    const slugs = JSON.stringify(group.map(({ task }) => task.slug));
    const rows = this.#statements
      .rows<[string]>(this.#sql.addedSince, slugs, lastId);
    return new Set(rows.map(([slug]) => slug));
  }

  /** Creates a task whose slug has a row. */
  #resolve(
    beginning: Beginning,
    now: number,
    change: GatheredChange,
  ): CreateOutcome {
    const { task, due } = beginning;
    const [old] = this.#statements
      .rows<OldRow>(this.#sql.conflicting, task.slug);
    const [kind, status, gate, runAt, version, revision, createdAt] = old;
    const isNew = isGone(old, now);
    const { slug, onConflict } = task;
    if (!isNew) {
      if (onConflict === "error") return "taken";
      if (onConflict === "keep") return "kept";
      if (onConflict === "rerun" && status === 1) {
        this.#statements.run(this.#sql.rerun, slug, due);
        return "merged";
      }
      if (onConflict === "rerun" && status === 0) {
        this.#statements.run(this.#sql.hasten, slug, due);
        if (gate === 0 && due < runAt) change.add(kind, due);
        return "merged";
      }
    }
    const isAnew = !isNew && onConflict === "rerun";
    this.#write(this.#sql.replace, {
      ...beginning,
      version: Math.max(version + 1, beginning.version),
      revision: isNew ? 0 : isAnew ? revision : revision + 1,
      createdAt: isAnew ? createdAt : now,
    });
    change.add(task.kind, due);
    return isNew ? "created" : isAnew ? "merged" : "replaced";
  }

  /** Returns whether the task was added. */
  #write(sql: string, beginning: Beginning): boolean {
    const { task } = beginning;
    return this.#statements.run(
      sql,
      task.slug,
      task.kind,
      task.priority ?? 3,
      beginning.due,
      beginning.version,
      beginning.createdAt,
      task.payload,
      beginning.revision,
      task.key ?? null,
      task.declared?.owner ?? null,
      task.declared?.hash ?? null,
      task.trigger ?? null,
      task.keepMs ?? null,
      beginning.creation,
    ) > 0;
  }

  *#takeBack(
    tasks: readonly NewTask[],
    outcomes: CreateOutcome[],
  ): Steps<CreateOutcome[]> {
    let highest = 0;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome !== "created") continue;
      outcomes[index] = "withheld";
      const [[version]] = this.#statements
        .rows<[number]>(this.#sql.delete, tasks[index].slug);
      highest = Math.max(highest, version);
      if (index % ROWS_PER_STEP === 0) yield;
    }
    this.#versions.retire(highest);
    return outcomes;
  }
}

/** Whether the statement for groups knows all that the task has. */
function isPlain({ task }: Beginning): boolean {
  return (task.key ?? task.declared ?? task.trigger ?? task.keepMs) ===
    undefined;
}

function isGone(old: OldRow, now: number): boolean {
  const keepUntil = old[7];
  return keepUntil !== null && keepUntil <= now;
}

function dueTime({ due }: NewTask, now: number): number {
  return "at" in due ? due.at.getTime() : Math.ceil(now + due.inMs);
}
