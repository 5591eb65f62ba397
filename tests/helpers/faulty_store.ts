import type { Clock } from "../../src/api/clock.ts";
import type {
  Claim,
  CreateOutcome,
  FullStore,
  LivingInstance,
  LockRequest,
  NewTask,
  NextRun,
  NextRunRequest,
  Renewal,
  Settlement,
  SettleOutcome,
  StoreChange,
} from "../../src/api/job_store.ts";
import type { TaskDetails, TaskRecord } from "../../src/api/task.ts";

/** A call of a store. */
export type StoreCall = Exclude<
  keyof FullStore,
  "maxPayloadBytes" | "checkTransaction"
>;

/**
 * What goes wrong with a call.
 *
 * - `"reject"`: it is not applied, and rejects.
 * - `"lose"`: it is applied, and rejects nevertheless.
 * - `"hang"`: it waits until the store is healed, and is applied then.
 * - `{ delayMs }`: it is applied so much later.
 */
export type Fault = "reject" | "lose" | "hang" | { readonly delayMs: number };

interface Plan {
  readonly fault: Fault;
  left: number;
  readonly healed: Promise<void>;
  readonly heal: () => void;
}

/** A real store behind a connection that fails on demand. Counts its calls. */
export class FaultyStore implements FullStore {
  readonly maxPayloadBytes: number;
  /** How often each call was made. */
  readonly calls = new Map<StoreCall, number>();
  /** How many settlements each call of `reschedule` had. */
  readonly batches: number[] = [];
  /** What each call of `lock` asked for. */
  readonly requests: LockRequest[] = [];
  /** How many watches are open. */
  watches = 0;

  readonly #store: FullStore;
  readonly #clock: Clock;
  readonly #plans = new Map<StoreCall, Plan>();

  constructor(store: FullStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.maxPayloadBytes = store.maxPayloadBytes;
  }

  /** Makes the next `times` calls go wrong. */
  break(call: StoreCall, fault: Fault, times = Infinity): void {
    const { promise: healed, resolve: heal } = Promise.withResolvers<void>();
    this.#plans.set(call, { fault, left: times, healed, heal });
  }

  /** Makes a call work again, or all of them; what hangs goes on. */
  heal(...calls: StoreCall[]): void {
    for (const call of calls.length > 0 ? calls : [...this.#plans.keys()]) {
      this.#plans.get(call)?.heal();
      this.#plans.delete(call);
    }
  }

  /** How often a call was made. */
  count(call: StoreCall): number {
    return this.calls.get(call) ?? 0;
  }

  create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
    return this.#call("create", () => this.#store.create(tasks));
  }

  nextRun(request: NextRunRequest): Promise<NextRun> {
    return this.#call("nextRun", () => this.#store.nextRun(request));
  }

  lock(request: LockRequest): Promise<TaskRecord[]> {
    this.requests.push(request);
    return this.#call("lock", () => this.#store.lock(request));
  }

  renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]> {
    return this.#call("renew", () => this.#store.renew(claims, leaseMs));
  }

  reschedule(settlements: readonly Settlement[]): Promise<SettleOutcome[]> {
    this.batches.push(settlements.length);
    return this.#call("reschedule", () => this.#store.reschedule(settlements));
  }

  getSlugs(): Promise<string[]> {
    return this.#call("getSlugs", () => this.#store.getSlugs());
  }

  get(slug: string): Promise<TaskDetails | undefined> {
    return this.#call("get", () => this.#store.get(slug));
  }

  delete(slug: string): Promise<boolean> {
    return this.#call("delete", () => this.#store.delete(slug));
  }

  clear(): Promise<void> {
    return this.#call("clear", () => this.#store.clear());
  }

  listInstances(): Promise<LivingInstance[]> {
    return this.#call("listInstances", () => this.#store.listInstances());
  }

  removeInstance(id: string): Promise<void> {
    return this.#call("removeInstance", () => this.#store.removeInstance(id));
  }

  watch(onChange: (change: StoreChange) => void): Promise<AsyncDisposable> {
    return this.#call("watch", async () => {
      const watch = await this.#store.watch(onChange);
      this.watches++;
      return {
        [Symbol.asyncDispose]: async () => {
          this.watches--;
          await watch[Symbol.asyncDispose]();
        },
      };
    });
  }

  async #call<T>(call: StoreCall, apply: () => Promise<T>): Promise<T> {
    this.calls.set(call, this.count(call) + 1);
    const plan = this.#plans.get(call);
    if (plan === undefined || plan.left-- <= 0) return await apply();
    const { fault } = plan;
    if (fault === "reject") throw new Error(`${call} failed`);
    if (fault === "hang") await plan.healed;
    if (typeof fault === "object") await this.#clock.sleep(fault.delayMs);
    const answer = await apply();
    if (fault === "lose") throw new Error(`the answer of ${call} got lost`);
    return answer;
  }
}
