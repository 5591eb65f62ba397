import type { CreateOutcome, NewTask } from "../../src/api/job_store.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import { Change, ROWS_PER_STEP, type Steps } from "./steps.ts";
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
    change: Change,
  ): Steps<CreateOutcome[]> {
    const floor = this.#versions.floor(now);
    const outcomes = new Array<CreateOutcome>(tasks.length).fill("withheld");
    let areTaken = false;
    let steps = 0;
    for (const strict of [true, false]) {
      for (const [index, task] of tasks.entries()) {
        if ((task.onConflict === "error") !== strict) continue;
        outcomes[index] = this.#createOne(task, null, now, floor, change);
        areTaken ||= outcomes[index] === "taken";
        if (++steps % ROWS_PER_STEP === 0) yield;
      }
      if (areTaken) return yield* this.#takeBack(tasks, outcomes);
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
    const change = new Change();
    const floor = this.#versions.floor(now);
    const outcomes: CreateOutcome[] = [];
    for (const task of tasks) {
      outcomes.push(this.#createOne(task, creation, now, floor, change));
      if (outcomes.length % ROWS_PER_STEP === 0) yield;
    }
    return outcomes;
  }

  /** Whether the slug is taken. Needs no transaction. */
  isTaken(slug: string, now: number): boolean {
    const [old] = this.#statements.rows<OldRow>(this.#sql.conflicting, slug);
    return old !== undefined && !isGone(old, now);
  }

  #createOne(
    task: NewTask,
    creation: number | null,
    now: number,
    floor: number,
    change: Change,
  ): CreateOutcome {
    const due = dueTime(task, now);
    const beginning = {
      creation,
      due,
      version: floor,
      revision: 0,
      createdAt: now,
    };
    if (this.#insert(task, beginning)) {
      change.add(task.kind, due);
      return "created";
    }
    const [old] = this.#statements
      .rows<OldRow>(this.#sql.conflicting, task.slug);
    return this.#resolve(task, old, beginning, now, change);
  }

  /** Creates a task whose slug has a row. */
  #resolve(
    task: NewTask,
    old: OldRow,
    { creation, due, version: floor }: Beginning,
    now: number,
    change: Change,
  ): CreateOutcome {
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
    this.#write(this.#sql.replace, task, {
      creation,
      due,
      version: Math.max(version + 1, floor),
      revision: isNew ? 0 : isAnew ? revision : revision + 1,
      createdAt: isAnew ? createdAt : now,
    });
    change.add(task.kind, due);
    return isNew ? "created" : isAnew ? "merged" : "replaced";
  }

  /** Returns whether the task was added. */
  #insert(task: NewTask, beginning: Beginning): boolean {
    const { key, declared, trigger, keepMs } = task;
    if (
      (key ?? declared ?? trigger ?? keepMs ?? beginning.creation) !== null
    ) return this.#write(this.#sql.insert, task, beginning);
    return this.#statements.run(
      this.#sql.insertPlain,
      task.slug,
      task.kind,
      task.priority ?? 3,
      beginning.due,
      beginning.version,
      beginning.createdAt,
      task.payload,
    ) > 0;
  }

  /** Returns whether the task was added. */
  #write(sql: string, task: NewTask, beginning: Beginning): boolean {
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

function isGone(old: OldRow, now: number): boolean {
  const keepUntil = old[7];
  return keepUntil !== null && keepUntil <= now;
}

function dueTime({ due }: NewTask, now: number): number {
  return "at" in due ? due.at.getTime() : Math.ceil(now + due.inMs);
}
