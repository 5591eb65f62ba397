import type { CreateOutcome, NewTask } from "../../src/api/job_store.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import { type Change, ROWS_PER_STEP, type Steps } from "./steps.ts";
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
        outcomes[index] = this.#createOne(task, now, floor, change);
        areTaken ||= outcomes[index] === "taken";
        if (++steps % ROWS_PER_STEP === 0) yield;
      }
      if (areTaken) return yield* this.#takeBack(tasks, outcomes);
    }
    return outcomes;
  }

  #createOne(
    task: NewTask,
    now: number,
    floor: number,
    change: Change,
  ): CreateOutcome {
    const due = dueTime(task, now);
    const beginning = { due, version: floor, revision: 0, createdAt: now };
    if (this.#insert(this.#sql.insert, task, beginning)) {
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
    { due, version: floor }: Beginning,
    now: number,
    change: Change,
  ): CreateOutcome {
    const [kind, status, gate, runAt, version, revision, createdAt] = old;
    const isGone = old[7] !== null && old[7] <= now;
    const { slug, onConflict } = task;
    if (!isGone) {
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
    const isAnew = !isGone && onConflict === "rerun";
    this.#insert(this.#sql.replace, task, {
      due,
      version: Math.max(version + 1, floor),
      revision: isGone ? 0 : isAnew ? revision : revision + 1,
      createdAt: isAnew ? createdAt : now,
    });
    change.add(task.kind, due);
    return isGone ? "created" : isAnew ? "merged" : "replaced";
  }

  /** Returns whether the task was added. */
  #insert(sql: string, task: NewTask, beginning: Beginning): boolean {
    const { due, version, revision, createdAt } = beginning;
    return this.#statements.run(
      sql,
      task.slug,
      task.kind,
      task.priority ?? 3,
      due,
      version,
      revision,
      task.key ?? null,
      task.declared?.owner ?? null,
      task.declared?.hash ?? null,
      task.trigger ?? null,
      task.keepMs ?? null,
      createdAt,
      task.payload,
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

function dueTime({ due }: NewTask, now: number): number {
  return "at" in due ? due.at.getTime() : Math.ceil(now + due.inMs);
}
