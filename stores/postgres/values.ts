import type {
  Claim,
  NewTask,
  NextState,
  OnConflict,
  Settlement,
} from "../../src/api/job_store.ts";
import type { TaskRecord, TaskStatus } from "../../src/api/task.ts";
import type { PgRows } from "./client.ts";
import type { SettleParts } from "./sql.ts";

type Row = PgRows["rows"][number];

/** A notification takes 8,000 bytes. */
const MAX_KINDS_BYTES = 7_000;

/** The parameters of a statement that creates. */
export class Creation {
  readonly tasks: readonly NewTask[];
  /** What the statement has to handle. */
  readonly modes: OnConflict[];
  readonly slugs: string[];
  readonly kinds: string[];
  /** Marks the rows, to find out whether a creation got through. */
  readonly id: number;
  readonly #values: unknown[];

  constructor(tasks: readonly NewTask[], channel: string) {
    this.tasks = tasks;
    this.modes = [...new Set(tasks.map(modeIn(tasks)))].sort();
    this.slugs = tasks.map((task) => task.slug);
    this.kinds = [...new Set(tasks.map((task) => task.kind))];
    this.id = randomId();
    this.#values = [
      this.slugs,
      tasks.map((task) => task.kind),
      tasks.map((task) => task.payload),
      tasks.map((task) => task.trigger ?? null),
      tasks.map(({ due }) =>
        "at" in due ? due.at.getTime() : Math.ceil(due.inMs)
      ),
      tasks.map(({ due }) => "inMs" in due),
      this.id,
      channel,
    ];
  }

  /** The parameters, with the head of the message if one is sent. */
  values(head: string | null): unknown[] {
    const values = [...this.#values, head, kindsText(this.kinds)];
    if (this.modes.length > 1) values.push(this.tasks.map(modeIn(this.tasks)));
    return values;
  }

  /** The slugs that were taken, from the answer. */
  taken({ taken, due }: Row): string[] {
    const [only, ...more] = this.tasks;
    return more.length === 0 && only.onConflict === "error" && due === null
      ? [only.slug]
      : taken as string[];
  }
}

/** A single task that is not created was taken: no need to look first. */
function modeIn(tasks: readonly NewTask[]): (task: NewTask) => OnConflict {
  return ({ onConflict }) =>
    onConflict === "error" && tasks.length === 1 ? "keep" : onConflict;
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

/** The parameters of a statement that settles. */
export class Settling {
  readonly parts: SettleParts;
  /** When the first of the tasks that go on is due. */
  readonly soonest: Date | undefined;
  readonly #removed: Settlement[] = [];
  readonly #moved: (Settlement & { readonly next: NextState })[] = [];
  readonly #settlements: readonly Settlement[];

  constructor(settlements: readonly Settlement[]) {
    this.#settlements = settlements;
    // All statements lock rows in the order of their slugs: no deadlocks.
    for (const settlement of [...settlements].sort(bySlug)) {
      if (isMove(settlement)) this.#moved.push(settlement);
      else this.#removed.push(settlement);
    }
    const waiting = this.#moved
      .filter(({ next }) => next.status === "scheduled")
      .map(({ next }) => next.when.getTime());
    this.soonest = waiting.length === 0
      ? undefined
      : new Date(waiting.reduce((a, b) => Math.min(a, b)));
    this.parts = {
      remove: this.#removed.length > 0,
      move: this.#moved.length > 0,
      payloads: this.#moved.some(({ next }) => next.payload !== undefined),
    };
  }

  /** The parameters, with the head of the message if one is sent. */
  values(leaseMs: number, channel: string, head: string | null): unknown[] {
    const values: unknown[] = [];
    if (this.parts.remove) values.push(...claimValues(this.#removed));
    if (!this.parts.move) return values;
    const nexts = this.#moved.map(({ next }) => next);
    values.push(
      ...claimValues(this.#moved),
      nexts.map((next) => next.status),
      nexts.map((next) => next.when.getTime()),
      nexts.map((next) => next.scheduledFor.getTime()),
      nexts.map((next) => next.retry),
      nexts.map((next) => next.result),
      leaseMs,
      channel,
      head,
    );
    if (this.parts.payloads) {
      values.push(nexts.map((next) => next.payload ?? null));
    }
    return values;
  }

  /** Which settlements took effect, from the answer. */
  effects({ removed, moved }: Row): boolean[] {
    if (removed == null && moved == null) {
      return this.#settlements.map(() => true);
    }
    const refused = new Set([
      ...refusals(this.#removed, removed),
      ...refusals(this.#moved, moved),
    ]);
    return this.#settlements.map((settlement) => !refused.has(settlement));
  }
}

function bySlug(a: Claim, b: Claim): number {
  return a.slug < b.slug ? -1 : Number(a.slug > b.slug);
}

function isMove(
  settlement: Settlement,
): settlement is Settlement & { readonly next: NextState } {
  return settlement.next !== undefined;
}

/** Those whose position is not in the answer; none, if there is no answer. */
function refusals(sent: readonly Settlement[], done: unknown): Settlement[] {
  if (done == null) return [];
  const positions = new Set((done as unknown[]).map(Number));
  return sent.filter((_, index) => !positions.has(index + 1));
}

/** Slugs and versions. */
export function claimValues(claims: readonly Claim[]): unknown[] {
  return [claims.map(({ slug }) => slug), claims.map(({ version }) => version)];
}

/** The task in a row; a running one if it does not say. */
export function toRecord(row: Row): TaskRecord {
  const status = row.status as TaskStatus | undefined ?? "running";
  return {
    slug: row.slug as string,
    kind: row.kind as string,
    payload: toBytes(row.payload as Uint8Array | null),
    trigger: row.trigger as string | null ?? undefined,
    when: toDate(row.run_at),
    scheduledFor: toDate(row.scheduled_for ?? row.run_at),
    version: Number(row.version),
    retry: Number(row.retry),
    result: row.result as string,
    status,
    leaseEnd: status === "running" ? toDate(row.claimable_at) : undefined,
  };
}

function toBytes(payload: Uint8Array | null): Uint8Array {
  return payload === null ? NO_BYTES : new Uint8Array(payload);
}

const NO_BYTES = new Uint8Array();

/** Instants are kept in whole milliseconds; the fraction is a rounding error. */
export function toDate(ms: unknown): Date {
  return new Date(Math.round(Number(ms)));
}
