import { systemClock } from "../../src/api/clock.ts";
import type { CreateOutcome, NewTask } from "../../src/api/job_store.ts";
import type { SqliteCreation } from "./creation.ts";
import type { SqliteValue } from "./database.ts";
import type { SqliteQueue } from "./queue.ts";
import type { SqliteSql } from "./sql.ts";
import type { SqliteStatements } from "./statements.ts";
import type { GatheredChange } from "../../src/core/watchers.ts";
import { inOneStep, type Steps } from "./steps.ts";
import type { SqliteVersions } from "./versions.ts";

/** How much is written at once, while others have to wait. */
const MAX_TASKS = 10_000;
const MAX_BYTES = 2 ** 23;
/** The pause between steps: others look every 25 ms whether they can write. */
const PAUSE_MS = 30;
/** A process that was not heard of for so long is taken for dead. */
const TIMEOUT_MS = 60_000;

/** What {@linkcode SqliteLargeCreation} works with. */
export interface LargeCreationParts {
  readonly queue: SqliteQueue;
  readonly statements: SqliteStatements;
  readonly sql: SqliteSql;
  readonly versions: SqliteVersions;
  readonly creation: SqliteCreation;
}

/**
 * Creates more tasks than can be written at once without holding up others for
 * long. Those that must not be taken are staged step by step, behind a gate;
 * once all are there, one small write completes the creation, and they are
 * opened step by step. If the process dies in between, others take back what is
 * not complete, and open what is.
 */
export class SqliteLargeCreation {
  readonly #parts: LargeCreationParts;

  constructor(parts: LargeCreationParts) {
    this.#parts = parts;
  }

  /** Creates tasks; tells `change` what became claimable. */
  async create(
    tasks: readonly NewTask[],
    now: () => number,
    change: GatheredChange,
  ): Promise<CreateOutcome[]> {
    const outcomes = new Map<NewTask, CreateOutcome>();
    const strict = tasks.filter(({ onConflict }) => onConflict === "error");
    const lenient = tasks.filter(({ onConflict }) => onConflict !== "error");
    let isStaged = strict.length === 0;
    while (!isStaged) {
      isStaged = await this.#createStrict(strict, now, change, outcomes);
    }
    if (![...outcomes.values()].includes("taken")) {
      await this.#createLenient(lenient, now, change, outcomes);
    }
    return tasks.map((task) => outcomes.get(task) ?? "withheld");
  }

  /** Does a step of what others left undone; returns whether that was all. */
  *recover(now: number): Steps<boolean> {
    const { statements, sql } = this.#parts;
    const [lost] = statements
      .rows<[id: number, isComplete: number]>(sql.lostCreation, now);
    if (lost === undefined) return true;
    const [id, isComplete] = lost;
    const isDone = yield* (isComplete ? this.#open(id) : this.#takeBack(id));
    if (isDone) statements.run(sql.endCreation, id);
    return false;
  }

  /** Returns whether it got through: it has to begin anew if all was cleared. */
  async #createStrict(
    tasks: readonly NewTask[],
    now: () => number,
    change: GatheredChange,
    outcomes: Map<NewTask, CreateOutcome>,
  ): Promise<boolean> {
    const { sql } = this.#parts;
    const id = Math.ceil(Math.random() * Number.MAX_SAFE_INTEGER);
    await this.#run(sql.beginCreation, id, now() + TIMEOUT_MS);
    try {
      const isStaged = await this.#stageAll(id, tasks, now, outcomes);
      if (isStaged === undefined) return false;
      if (!isStaged) {
        await this.#giveUp(id);
        return true;
      }
      const isComplete = await this.#parts.queue.write(
        () => inOneStep(() => this.#keep(id, now(), true)),
        { durable: true },
      );
      if (!isComplete) return false;
    } catch (error) {
      await this.#giveUp(id).catch(() => {}); // Then others will.
      throw error;
    }
    for (const { kind } of tasks) change.add(kind, -Infinity);
    await this.#repeat(() => this.#openAndKeep(id, now()));
    await this.#run(sql.endCreation, id);
    return true;
  }

  /** Returns whether none was taken; nothing if the creation was forgotten. */
  async #stageAll(
    id: number,
    tasks: readonly NewTask[],
    now: () => number,
    outcomes: Map<NewTask, CreateOutcome>,
  ): Promise<boolean | undefined> {
    const steps = stepsOf(tasks);
    for (const [index, step] of steps.entries()) {
      const written = await this.#parts.queue.write(
        () => this.#stage(id, step, now()),
        { durable: false },
      );
      if (written === undefined) return undefined;
      step.forEach((task, index) => outcomes.set(task, written[index]));
      if (written.includes("taken")) {
        const rest = steps.slice(index + 1).flat();
        await this.#withhold(tasks, rest, now, outcomes);
        return false;
      }
      await systemClock.sleep(PAUSE_MS);
    }
    return true;
  }

  /** Stages some tasks; nothing if the creation was forgotten. */
  *#stage(
    id: number,
    tasks: readonly NewTask[],
    now: number,
  ): Steps<CreateOutcome[] | undefined> {
    if (!this.#keep(id, now, false)) return undefined;
    return yield* this.#parts.creation.stage(id, tasks, now);
  }

  async #createLenient(
    tasks: readonly NewTask[],
    now: () => number,
    change: GatheredChange,
    outcomes: Map<NewTask, CreateOutcome>,
  ): Promise<void> {
    const { queue, creation } = this.#parts;
    for (const step of stepsOf(tasks)) {
      const written = await queue.write(
        () => creation.create(step, now(), change),
        { durable: true },
      );
      step.forEach((task, index) => outcomes.set(task, written[index]));
      await systemClock.sleep(PAUSE_MS);
    }
  }

  async #giveUp(id: number): Promise<void> {
    await this.#repeat(() => this.#takeBack(id));
    await this.#run(this.#parts.sql.endCreation, id);
  }

  async #run(sql: string, ...values: SqliteValue[]): Promise<void> {
    const { queue, statements } = this.#parts;
    await queue.write(() => inOneStep(() => statements.run(sql, ...values)), {
      durable: false,
    });
  }

  /** Sets the outcomes of a creation in which a slug was taken. */
  async #withhold(
    tasks: readonly NewTask[],
    unknown: readonly NewTask[],
    now: () => number,
    outcomes: Map<NewTask, CreateOutcome>,
  ): Promise<void> {
    const { queue, creation } = this.#parts;
    for (const task of tasks) {
      if (outcomes.get(task) === "created") outcomes.set(task, "withheld");
    }
    for (let from = 0; from < unknown.length; from += LOOKS_PER_TURN) {
      await queue.read(() => {
        for (const task of unknown.slice(from, from + LOOKS_PER_TURN)) {
          if (creation.isTaken(task.slug, now())) outcomes.set(task, "taken");
        }
      });
    }
  }

  /** Writes until a step says that there is nothing more to do. */
  async #repeat(step: () => Steps<boolean>): Promise<void> {
    while (!await this.#parts.queue.write(step, { durable: false })) {
      await systemClock.sleep(PAUSE_MS);
    }
  }

  *#openAndKeep(id: number, now: number): Steps<boolean> {
    this.#keep(id, now, true);
    return yield* this.#open(id);
  }

  /** Opens some tasks; returns whether there are no more. */
  *#open(id: number): Steps<boolean> {
    const { statements, sql } = this.#parts;
    for (let left = MAX_TASKS; left > 0; left -= ROWS_AT_ONCE) {
      if (statements.run(sql.open, id, ROWS_AT_ONCE) < ROWS_AT_ONCE) {
        return true;
      }
      yield;
    }
    return false;
  }

  /** Removes some tasks; returns whether there are no more. */
  *#takeBack(id: number): Steps<boolean> {
    const { statements, sql, versions } = this.#parts;
    for (let left = MAX_TASKS; left > 0; left -= ROWS_AT_ONCE) {
      const rows = statements
        .rows<[version: number]>(sql.takeBack, id, ROWS_AT_ONCE);
      versions.retire(Math.max(0, ...rows.map(([version]) => version)));
      if (rows.length < ROWS_AT_ONCE) return true;
      yield;
    }
    return false;
  }

  /** Says that this process lives; returns whether the creation is known. */
  #keep(id: number, now: number, isComplete: boolean): boolean {
    const { statements, sql } = this.#parts;
    return statements.run(
      sql.keepCreation,
      id,
      now + TIMEOUT_MS,
      Number(isComplete),
    ) > 0;
  }
}

/** How many rows one statement opens or removes. */
const ROWS_AT_ONCE = 500;
/** How many slugs are looked up before other work may go first. */
const LOOKS_PER_TURN = 1_000;

/** Whether so many tasks are written in several steps. */
export function isLarge(tasks: readonly NewTask[]): boolean {
  return tasks.length > 1 && stepsOf(tasks).length > 1;
}

/** Splits tasks into what is written at once. */
function stepsOf(tasks: readonly NewTask[]): NewTask[][] {
  const steps: NewTask[][] = [];
  let step: NewTask[] = [];
  let bytes = 0;
  for (const task of tasks) {
    const size = task.payload.length;
    const isFull = step.length === MAX_TASKS || bytes + size > MAX_BYTES;
    if (step.length === 0 || isFull) {
      steps.push(step = []);
      bytes = 0;
    }
    step.push(task);
    bytes += size;
  }
  return steps;
}
