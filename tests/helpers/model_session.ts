import { assert, assertEquals } from "@std/assert";
import type {
  Claim,
  CreateOutcome,
  FullStore,
  InstanceRecord,
  LockRequest,
  NewTask,
  Renewal,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import type { TaskDetails, TaskRecord } from "../../src/api/task.ts";
import type { StoreHarness } from "../conformance/store_harness.ts";
import { claimableAt, type ModelTask, TaskModel } from "./task_model.ts";

/**
 * Instants of the model are whole minutes, and those that it deals with are
 * whole minutes and a half. So no due time and no lease meets the clock by a
 * hair, and a store whose clock runs agrees as well.
 */
export const MINUTE = 60_000;
export const HALF: number = MINUTE / 2;

/** So far an instant of the store may be from that of the model. */
const TOLERANCE_MS = HALF / 2;

/** An instant of the model, so many minutes (and a half) from its start. */
export function minute(minutes: number): Date {
  return new Date(minutes * MINUTE + HALF);
}

/**
 * Does the same to a store and to a model, and fails where they differ. All
 * instants that it takes are the model's.
 */
export class ModelSession {
  #notices = 0;
  readonly model: TaskModel = new TaskModel();
  readonly stores: readonly FullStore[];
  readonly #harness: StoreHarness<FullStore>;
  /** Whether time passes by moving all instants of the store into the past. */
  readonly #movesInstants: boolean;
  /** The store's clock when the model's shows 0. */
  #start: number;

  static async open(harness: StoreHarness): Promise<ModelSession> {
    const full = harness as StoreHarness<FullStore>;
    const { now: before } = await full.store.nextRun({ kinds: [] });
    await full.elapse(60 * MINUTE);
    const { now: after } = await full.store.nextRun({ kinds: [] });
    const elapsed = after.getTime() - before.getTime();
    return new ModelSession(
      full,
      [full.store, await full.another()],
      elapsed < 30 * MINUTE,
      after.getTime(),
    );
  }

  private constructor(
    harness: StoreHarness<FullStore>,
    stores: readonly FullStore[],
    movesInstants: boolean,
    start: number,
  ) {
    this.#harness = harness;
    this.stores = stores;
    this.#movesInstants = movesInstants;
    this.#start = start;
  }

  /** The minute at which the model is. */
  get minutes(): number {
    return this.model.now / MINUTE;
  }

  /** Creates on the store alone. */
  async createOnStore(
    tasks: readonly NewTask[],
    store = 0,
  ): Promise<CreateOutcome[]> {
    return await this.stores[store].create(tasks.map((task) => ({
      ...task,
      due: "at" in task.due ? { at: this.#real(task.due.at) } : task.due,
    })));
  }

  async create(tasks: readonly NewTask[], store = 0): Promise<CreateOutcome[]> {
    const outcomes = await this.createOnStore(tasks, store);
    assertEquals(outcomes, this.model.create(tasks));
    return outcomes;
  }

  async lock(request: LockRequest, store = 0): Promise<TaskRecord[]> {
    const tasks = await this.stores[store].lock(request);
    assertEquals(this.model.lock(request, tasks), undefined);
    for (const task of tasks) {
      this.#agreeOnRecord(task, this.model.tasks.get(task.slug)!);
    }
    return tasks;
  }

  async renew(
    claims: readonly Claim[],
    leaseMs: number,
    store = 0,
  ): Promise<Renewal[]> {
    const renewals = await this.stores[store].renew(claims, leaseMs);
    assertEquals(renewals, this.model.renew(claims, leaseMs));
    return renewals;
  }

  /** Settles on the store alone. */
  async rescheduleOnStore(
    settlements: readonly Settlement[],
    store = 0,
  ): Promise<SettleOutcome[]> {
    return await this.stores[store].reschedule(settlements.map((settlement) => {
      const { next } = settlement;
      return {
        ...settlement,
        next: next && {
          ...next,
          when: this.#real(next.when),
          scheduledFor: this.#real(next.scheduledFor),
        },
      };
    }));
  }

  async reschedule(
    settlements: readonly Settlement[],
    store = 0,
  ): Promise<SettleOutcome[]> {
    const outcomes = await this.rescheduleOnStore(settlements, store);
    assertEquals(outcomes, this.model.reschedule(settlements));
    return outcomes;
  }

  async delete(slug: string, store = 0): Promise<boolean> {
    const task = this.model.tasks.get(slug);
    const deleted = await this.stores[store].delete(slug);
    if (task === undefined || !this.model.isPast(task)) {
      assertEquals(deleted, task !== undefined);
    }
    this.model.tasks.delete(slug);
    return deleted;
  }

  async clear(store = 0): Promise<void> {
    await this.stores[store].clear();
    this.model.tasks.clear();
  }

  async notice(instance: InstanceRecord, store = 0): Promise<void> {
    // A store may write what is as it was less often.
    const name = `${instance.name}, ${++this.#notices}`;
    const record = { ...instance, name };
    await this.stores[store].nextRun({ kinds: [], instance: record });
    this.model.instances.set(record.id, { ...record, seenAt: this.model.now });
  }

  async removeInstance(id: string, store = 0): Promise<void> {
    await this.stores[store].removeInstance(id);
    this.model.instances.delete(id);
  }

  /** Lets time pass: whole minutes. The store is not asked after that. */
  async elapse(minutes: number): Promise<void> {
    const { now } = await this.stores[0].nextRun({ kinds: [] });
    this.model.now += minutes * MINUTE;
    // What the store's clock has run meanwhile is part of it.
    const ms = this.#start + this.model.now - now.getTime();
    await this.#harness.elapse(ms);
    if (this.#movesInstants) this.#start -= ms;
  }

  /** Fails if the two differ in anything that can be seen. */
  async agree(): Promise<void> {
    const { model, stores } = this;
    const shown = (await stores[1].getSlugs()).sort();
    const past = (slug: string) => {
      const task = model.tasks.get(slug);
      return task !== undefined && model.isPast(task);
    };
    assertEquals(
      shown.filter((slug) => !past(slug)),
      [...model.tasks.keys()].filter((slug) => !past(slug)).sort(),
    );
    await Promise.all([...model.tasks].map(async ([slug, task]) => {
      if (model.isPast(task)) return;
      const details = await stores[1].get(slug);
      assert(details, `no "${slug}"`);
      this.#agreeOnRecord(details, task);
      this.#agreeOnDetails(details, task);
    }));
    const kinds = [...new Set([...model.tasks.values()].map((t) => t.kind))];
    for (const asked of [kinds, kinds.slice(1), ["unknown"]]) {
      const { when } = await stores[0].nextRun({ kinds: asked });
      const next = model.nextRun(asked);
      this.#near("nextRun", when, next === Infinity ? undefined : next);
    }
  }

  /** Fails if the two know different instances. */
  async agreeOnInstances(): Promise<void> {
    const living = this.model.living();
    const seen = await this.stores[1].listInstances();
    assertEquals(
      seen.map((one) => [one.id, one.name, one.kinds, one.slots, one.stopping]),
      living.map((
        one,
      ) => [one.id, one.name, one.kinds, one.slots, one.stopping]),
    );
    for (const [index, { seenAt }] of seen.entries()) {
      this.#near("seenAt", seenAt, living[index].seenAt);
    }
  }

  #agreeOnRecord(seen: TaskRecord, task: ModelTask): void {
    const { claim } = task;
    assertEquals(
      [seen.status, seen.kind, [...seen.payload], seen.result],
      [task.status, task.kind, [...task.payload], task.result],
      seen.slug,
    );
    assertEquals(
      [seen.retry, seen.crashes, seen.priority],
      [task.retry, task.crashes, task.priority],
      `retry, crashes and priority of ${seen.slug}`,
    );
    assertEquals(
      [seen.key, seen.trigger, seen.keepMs, seen.token],
      [task.key, task.trigger, task.keepMs, claim?.token],
    );
    if (claim !== undefined) assertEquals(seen.version, claim.version);
    this.#near("when", seen.when, task.when);
    if (task.scheduledFor !== undefined) {
      this.#near("scheduledFor", seen.scheduledFor, task.scheduledFor);
    }
    this.#near("leaseEnd", seen.leaseEnd, claim?.leaseEnd);
  }

  #agreeOnDetails(seen: TaskDetails, task: ModelTask): void {
    const { claim } = task;
    assertEquals(
      [seen.lastRun?.outcome, seen.lastError?.message, seen.declared],
      [task.lastRun?.outcome, task.lastError?.message, task.declared],
    );
    this.#near("createdAt", seen.createdAt, task.createdAt);
    this.#near("rerunAt", seen.rerunAt, task.rerunAt);
    assertEquals(seen.holder?.instance, claim?.holder);
    this.#near("since", seen.holder?.since, claim?.since);
    const hasEnded = claimableAt(task) === Infinity;
    const stays = hasEnded && task.keepUntil < Infinity;
    this.#near("keepUntil", seen.keepUntil, stays ? task.keepUntil : undefined);
  }

  #near(what: string, seen: Date | undefined, known: number | undefined): void {
    assertEquals(seen === undefined, known === undefined, what);
    if (seen === undefined) return;
    const difference = seen.getTime() - this.#start - known!;
    assert(
      Math.abs(difference) < TOLERANCE_MS,
      `${what} is ${difference} ms off`,
    );
  }

  #real(instant: Date): Date {
    return new Date(Math.max(0, this.#start + instant.getTime()));
  }
}
