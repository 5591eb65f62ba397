import type {
  CreateOutcome,
  NewTask,
  OnConflict,
} from "../../src/api/job_store.ts";
import { copyBytes } from "../../src/core/bytes.ts";
import type { PgRows } from "./client.ts";
import type { CreateParts } from "./create_sql.ts";

type Row = PgRows["rows"][number];

/** A notification takes 8,000 bytes. */
const MAX_KINDS_BYTES = 7_000;

/** The parameters of a statement that creates. */
export class Creation {
  readonly tasks: readonly NewTask[];
  /** What the statement has to handle. */
  readonly parts: CreateParts;
  readonly slugs: string[];
  readonly kinds: string[];
  /** Marks the rows, to find out whether a creation got through. */
  readonly id: number;
  readonly #channel: string;
  readonly #arrays: unknown[];

  /** @param id That of the whole, if this is a part of a larger creation. */
  constructor(tasks: readonly NewTask[], channel: string, id = randomId()) {
    this.tasks = tasks;
    this.parts = {
      modes: [...new Set(tasks.map(modeIn(tasks)))].sort(),
      extras: tasks.some(({ key, keepMs, declared }) =>
        key !== undefined || keepMs !== undefined || declared !== undefined
      ),
    };
    this.slugs = tasks.map((task) => task.slug);
    this.kinds = [...new Set(tasks.map((task) => task.kind))];
    this.id = id;
    this.#channel = channel;
    this.#arrays = arraysOf(tasks, this.parts);
  }

  /** The parameters, with the head of the message if one is sent. */
  values(head: string | null): unknown[] {
    const kinds = kindsText(this.kinds);
    return [this.id, this.#channel, head, kinds, ...this.#arrays];
  }

  /** What became of the tasks, from the answer. */
  outcomes({ taken, old, made }: Row): CreateOutcome[] {
    const gone = new Set(taken as string[]);
    if (gone.size > 0) return withheld(this.tasks, gone);
    const existed = new Set(old as string[]);
    const isMade = new Set((made ?? []) as string[]);
    return this.tasks.map((task) => {
      switch (task.onConflict) {
        case "replace":
          return existed.has(task.slug) ? "replaced" : "created";
        case "rerun":
          return existed.has(task.slug) ? "merged" : "created";
        case "keep":
          return isMade.has(task.slug) ? "created" : "kept";
        case "error":
          return this.tasks.length > 1 || isMade.has(task.slug)
            ? "created"
            : "taken";
      }
    });
  }

  /**
   * What became of the tasks, if these rows bear its mark. Whether `rerun` met a
   * task is not known then.
   */
  outcomesOf(rows: readonly Row[]): CreateOutcome[] {
    const edited = new Map(rows.map(({ slug, edited }) => [slug, edited]));
    return this.tasks.map(({ slug, onConflict }) => {
      if (onConflict === "keep") return edited.has(slug) ? "created" : "kept";
      return onConflict === "replace" && edited.get(slug)
        ? "replaced"
        : "created";
    });
  }
}

/** Nothing was created, because these slugs were taken. */
export function withheld(
  tasks: readonly NewTask[],
  taken: ReadonlySet<string>,
): CreateOutcome[] {
  return tasks.map(({ slug, onConflict }) =>
    onConflict === "error" && taken.has(slug) ? "taken" : "withheld"
  );
}

/** About how many bytes a task takes in a statement. */
export function sizeOf({ slug, kind, payload, trigger }: NewTask): number {
  return slug.length + kind.length + payload.length + (trigger?.length ?? 0);
}

/** A single task that is not created was taken: no need to look first. */
function modeIn(tasks: readonly NewTask[]): (task: NewTask) => OnConflict {
  return ({ onConflict }) =>
    onConflict === "error" && tasks.length === 1 ? "keep" : onConflict;
}

function arraysOf(
  tasks: readonly NewTask[],
  { modes, extras }: CreateParts,
): unknown[] {
  const each = (value: (task: NewTask) => unknown) =>
    tasks.map((task) => value(task) ?? null);
  const arrays: unknown[] = [
    each(({ slug }) => slug),
    each(({ kind }) => kind),
    each(({ payload }) => copyBytes(payload)),
    each(({ trigger }) => trigger),
    each(({ due }) => "at" in due ? due.at.getTime() : Math.ceil(due.inMs)),
    each(({ due }) => "inMs" in due),
    each(({ priority = 3 }) => priority),
  ];
  if (extras) {
    arrays.push(
      each(({ key }) => key),
      each(({ keepMs }) => keepMs),
      each(({ declared }) => declared?.owner),
      each(({ declared }) => declared?.hash),
    );
  }
  if (modes.length > 1) arrays.push(each(modeIn(tasks)));
  return arrays;
}

function kindsText(kinds: readonly string[]): string {
  const text = JSON.stringify(kinds);
  const bytes = new TextEncoder().encode(text).length;
  return bytes > MAX_KINDS_BYTES ? "null" : text;
}

function randomId(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0x1f_ffff) * 2 ** 32 + low;
}
