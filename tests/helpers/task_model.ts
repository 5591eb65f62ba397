import type {
  Claim,
  CreateOutcome,
  InstanceRecord,
  LockRequest,
  NewTask,
  Renewal,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import type { LastRun, StoredError, TaskStatus } from "../../src/api/task.ts";

const MINUTE = 60_000;

/** What the model knows of a task; instants count from its start. */
export interface ModelTask {
  kind: string;
  priority: number;
  key: string | undefined;
  trigger: string | undefined;
  keepMs: number | undefined;
  payload: Uint8Array;
  when: number;
  /** `undefined`: the contract leaves it open. */
  scheduledFor: number | undefined;
  retry: number;
  crashes: number;
  result: string;
  status: TaskStatus;
  createdAt: number;
  keepUntil: number;
  rerunAt: number | undefined;
  lastRun: LastRun | undefined;
  lastError: StoredError | undefined;
  declared: NewTask["declared"];
  claim: ModelClaim | undefined;
}

/** The claim under which a task runs. */
export interface ModelClaim {
  version: number;
  token: number;
  holder: string;
  since: number;
  leaseEnd: number;
}

/** From when on a task can be claimed. */
export function claimableAt(task: ModelTask): number {
  if (task.claim !== undefined) return task.claim.leaseEnd;
  return task.status === "scheduled" ? task.when : Infinity;
}

interface Lane {
  readonly kind: string;
  readonly priority: number;
  /** Soonest first. */
  readonly tasks: readonly (readonly [string, ModelTask])[];
}

/**
 * A store of tasks as simple as can be: the rules of the contract, with no
 * thought of speed. The `Date` 0 is its start. What the contract leaves to the
 * store, which is the versions and what lies within a turn, it is told.
 */
export class TaskModel {
  now = 0;
  readonly tasks = new Map<string, ModelTask>();
  readonly instances = new Map<string, InstanceRecord & { seenAt: number }>();
  /** The highest version that each slug ever had. */
  readonly versions = new Map<string, number>();

  /** The task with this slug, unless its time to stay has passed. */
  find(slug: string): ModelTask | undefined {
    const task = this.tasks.get(slug);
    return task && !this.isPast(task) ? task : undefined;
  }

  /** Whether a store may have removed the task by itself. */
  isPast(task: ModelTask): boolean {
    return task.claim === undefined && task.status !== "scheduled" &&
      task.keepUntil <= this.now;
  }

  create(tasks: readonly NewTask[]): CreateOutcome[] {
    const isTaken = (task: NewTask) =>
      task.onConflict === "error" && this.find(task.slug) !== undefined;
    if (tasks.some(isTaken)) {
      return tasks.map((task) => isTaken(task) ? "taken" : "withheld");
    }
    return tasks.map((task) => this.#create(task));
  }

  #create(task: NewTask): CreateOutcome {
    const when = "at" in task.due
      ? task.due.at.getTime()
      : this.now + task.due.inMs;
    const old = this.find(task.slug);
    if (old === undefined || task.onConflict === "replace") {
      this.tasks.set(task.slug, this.#new(task, when));
      return old === undefined ? "created" : "replaced";
    }
    if (task.onConflict === "keep") return "kept";
    if (old.status === "running") {
      old.rerunAt = Math.min(old.rerunAt ?? Infinity, when);
    } else if (old.status === "scheduled") {
      if (when < old.when) {
        old.when = when;
        old.scheduledFor = undefined;
      }
    } else {
      const { createdAt } = old;
      this.tasks.set(task.slug, { ...this.#new(task, when), createdAt });
    }
    return "merged";
  }

  #new(task: NewTask, when: number): ModelTask {
    return {
      kind: task.kind,
      priority: task.priority ?? 3,
      key: task.key,
      trigger: task.trigger,
      keepMs: task.keepMs,
      payload: task.payload.slice(),
      when,
      scheduledFor: when,
      retry: 0,
      crashes: 0,
      result: "",
      status: "scheduled",
      createdAt: this.now,
      keepUntil: Infinity,
      rerunAt: undefined,
      lastRun: undefined,
      lastError: undefined,
      declared: task.declared,
      claim: undefined,
    };
  }

  /** Notes that the store has claimed these; says what is wrong with that. */
  lock(
    request: LockRequest,
    claimed: readonly { slug: string; version: number }[],
  ): string | undefined {
    const fault = this.#faultOf(request, claimed);
    if (fault !== undefined) return fault;
    for (const { slug, version } of claimed) {
      const before = this.versions.get(slug) ?? 0;
      if (version <= before) return `"${slug}" has an old version`;
      this.versions.set(slug, version);
      const task = this.tasks.get(slug)!;
      if (task.claim !== undefined) task.crashes++;
      task.status = "running";
      task.claim = {
        version,
        token: request.token,
        holder: request.holder,
        since: this.now,
        leaseEnd: this.now + request.leaseMs,
      };
    }
  }

  #faultOf(
    request: LockRequest,
    claimed: readonly { slug: string }[],
  ): string | undefined {
    const limits = new Map<string, number>();
    for (const { kind, limit = Infinity } of request.kinds) {
      if (!limits.has(kind)) limits.set(kind, limit);
    }
    const classes = this.#classes([...limits.keys()]);
    const slugs = claimed.map(({ slug }) => slug);
    if (new Set(slugs).size < slugs.length) return `${slugs} has a slug twice`;
    if (slugs.length > request.limit) return `${slugs} are too many`;
    const sizeOf = (slug: string) => this.tasks.get(slug)!.payload.length;

    // Each task in its turn: a class, a round, and its lane in the round.
    let [atClass, atRound, atKind] = [0, 0, -1];
    const taken = new Map<Lane, number>();
    let bytes = 0;
    for (const [index, slug] of slugs.entries()) {
      const place = findLane(classes, slug);
      if (place === undefined) return `"${slug}" was not to be claimed`;
      const { lane, index: inClass } = place;
      const round = taken.get(lane) ?? 0;
      const soonest = claimableAt(lane.tasks[round][1]);
      if (claimableAt(this.tasks.get(slug)!) > soonest) {
        return `"${slug}" is not the soonest of its lane`;
      }
      taken.set(lane, round + 1);
      const kind = [...limits.keys()].indexOf(lane.kind);
      const isInOrder = inClass > atClass ||
        inClass === atClass &&
          (round > atRound || round === atRound && kind >= atKind);
      if (!isInOrder) return `"${slug}" of ${slugs} is out of turn`;
      [atClass, atRound, atKind] = [inClass, round, kind];
      bytes += sizeOf(slug);
      if (index > 0 && bytes > request.maxBytes) return `${bytes} bytes`;
    }
    for (const [kind, limit] of limits) {
      const count = [...taken].filter(([lane]) => lane.kind === kind)
        .reduce((sum, [, count]) => sum + count, 0);
      if (count > limit) return `${count} of ${kind} for a limit of ${limit}`;
    }
    return faultOfShares(
      classes,
      request,
      limits,
      taken,
      bytes,
      new Set(slugs),
    );
  }

  /** The lanes with due tasks, those of the same effective priority together. */
  #classes(kinds: readonly string[]): Lane[][] {
    const lanes = kinds.flatMap((kind) =>
      [1, 2, 3, 4].map((priority): Lane => ({
        kind,
        priority,
        tasks: [...this.tasks]
          .filter(([, task]) =>
            task.kind === kind && task.priority === priority &&
            claimableAt(task) <= this.now
          )
          .sort(([, a], [, b]) => claimableAt(a) - claimableAt(b)),
      }))
    ).filter(({ tasks }) => tasks.length > 0);
    const effective = (lane: Lane) => {
      const heads = lanes.filter(({ priority }) => priority === lane.priority)
        .map(({ tasks }) => claimableAt(tasks[0][1]));
      const minutes = Math.floor((this.now - Math.min(...heads)) / MINUTE);
      return Math.max(1, lane.priority - minutes);
    };
    return [1, 2, 3, 4]
      .map((priority) => lanes.filter((lane) => effective(lane) === priority))
      .filter((lanes) => lanes.length > 0);
  }

  holds({ slug, version, token }: Claim): boolean {
    const claim = this.tasks.get(slug)?.claim;
    return claim?.version === version && claim.token === token;
  }

  renew(claims: readonly Claim[], leaseMs: number): Renewal[] {
    return claims.map((claim) => {
      if (!this.holds(claim)) return "lost";
      this.tasks.get(claim.slug)!.claim!.leaseEnd = this.now + leaseMs;
      return "held";
    });
  }

  reschedule(settlements: readonly Settlement[]): SettleOutcome[] {
    return settlements.map((settlement) => {
      if (!this.holds(settlement)) return "lost";
      this.#settle(settlement);
      return "settled";
    });
  }

  #settle({ slug, next }: Settlement): void {
    const task = this.tasks.get(slug)!;
    const { rerunAt } = task;
    task.claim = undefined;
    task.rerunAt = undefined;
    if (next === undefined) {
      if (rerunAt === undefined) return void this.tasks.delete(slug);
      task.crashes = 0;
    } else {
      task.status = next.status;
      task.when = next.when.getTime();
      task.scheduledFor = next.scheduledFor.getTime();
      task.retry = next.retry;
      task.crashes = next.crashes;
      task.result = next.result;
      task.payload = next.payload?.slice() ?? task.payload;
      task.lastRun = next.lastRun ?? task.lastRun;
      if (next.lastError !== undefined) {
        task.lastError = next.lastError ?? undefined;
      }
      task.keepUntil = this.now + next.keepMs;
    }
    if (rerunAt === undefined) return;
    if (next?.status !== "scheduled") {
      task.status = "scheduled";
      task.when = task.scheduledFor = rerunAt;
      task.retry = 0;
    } else if (rerunAt < task.when) {
      task.when = rerunAt;
      task.scheduledFor = undefined;
    }
  }

  /** The soonest instant at which a task can be claimed, or `Infinity`. */
  nextRun(kinds: readonly string[]): number {
    return Math.min(
      Infinity,
      ...[...this.tasks.values()].filter(({ kind }) => kinds.includes(kind))
        .map(claimableAt),
    );
  }

  /** The instances that live. */
  living(): (InstanceRecord & { seenAt: number })[] {
    return [...this.instances.values()]
      .filter(({ seenAt, timeoutMs }) => seenAt + timeoutMs > this.now)
      .sort((a, b) => a.id < b.id ? -1 : 1);
  }
}

function findLane(classes: readonly (readonly Lane[])[], slug: string) {
  for (const [index, lanes] of classes.entries()) {
    const lane = lanes.find(({ tasks }) =>
      tasks.some(([known]) => known === slug)
    );
    if (lane !== undefined) return { lane, index };
  }
}

/** Says which lane got less than what is dealt to it, one by one. */
function faultOfShares(
  classes: readonly (readonly Lane[])[],
  request: LockRequest,
  limits: ReadonlyMap<string, number>,
  taken: ReadonlyMap<Lane, number>,
  bytes: number,
  claimed: ReadonlySet<string>,
): string | undefined {
  let left = request.limit;
  const leftOf = new Map(limits);
  for (const lanes of classes) {
    const shares = new Map<Lane, number>();
    for (let dealt = 1; dealt > 0 && left > 0;) {
      dealt = 0;
      for (const lane of lanes) {
        if (left === 0 || leftOf.get(lane.kind) === 0) continue;
        shares.set(lane, (shares.get(lane) ?? 0) + 1);
        leftOf.set(lane.kind, leftOf.get(lane.kind)! - 1);
        left--;
        dealt++;
      }
    }
    const got = (lane: Lane) => taken.get(lane) ?? 0;
    const owed = (lane: Lane) =>
      Math.min(shares.get(lane) ?? 0, lane.tasks.length);
    const short = lanes.filter((lane) => got(lane) < owed(lane));
    const next = short.flatMap((lane) => lane.tasks)
      .filter(([slug]) => !claimed.has(slug))
      .map(([, { payload }]) => payload.length);
    // Whatever is behind what does not fit has to wait.
    if (taken.size > 0 && bytes + Math.max(...next) > request.maxBytes) return;
    // Which priority of a kind goes first is not promised: count by kind.
    for (const { kind } of short) {
      const count = (of: (lane: Lane) => number) =>
        lanes.filter((lane) => lane.kind === kind)
          .reduce((sum, lane) => sum + of(lane), 0);
      const [given, due] = [count(got), count(owed)];
      if (given < due) return `${given} of ${kind} in place of ${due}`;
    }
  }
}
