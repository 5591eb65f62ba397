import type {
  CreateOutcome,
  KindRequest,
  LockRequest,
  NewTask,
  NextRun,
  NextRunRequest,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { settlement } from "../conformance/store_harness.ts";
import {
  asking,
  catches,
  creating,
  handingOut,
  kindByKind,
  settling,
} from "../helpers/broken_store.ts";

catches(
  "whose nextRun ignores kinds",
  "nextRun tells the soonest instant for the kinds asked for",
  class extends MemoryStore {
    override nextRun(): Promise<NextRun> {
      return super.nextRun({ kinds: ["work", "other"] });
    }
  },
);

catches(
  "whose nextRun tells of what has ended",
  "nextRun tells the end of a lease, and nothing of what has ended",
  class extends MemoryStore {
    override async nextRun(request: NextRunRequest): Promise<NextRun> {
      const next = await super.nextRun(request);
      const slugs = await this.getSlugs();
      const tasks = await Promise.all(slugs.map((slug) => this.get(slug)));
      const ended = tasks.find((task) => task?.status === "failed");
      return { ...next, when: next.when ?? ended?.when };
    }
  },
);

catches(
  "that knows ten kinds at once",
  "more than ten kinds are found and claimed",
  class extends MemoryStore {
    override lock(request: LockRequest): Promise<TaskRecord[]> {
      return super.lock({ ...request, kinds: request.kinds.slice(0, 10) });
    }

    override nextRun(request: NextRunRequest): Promise<NextRun> {
      return super.nextRun({ ...request, kinds: request.kinds.slice(0, 10) });
    }
  },
);

catches(
  "that claims tasks of kinds nobody asked for",
  "lock leaves tasks of other kinds alone",
  asking((request) => ({
    ...request,
    kinds: [...request.kinds, { kind: "z" }],
  })),
);

catches(
  "that claims more than the limit",
  "lock claims due tasks, soonest first, up to the limit",
  asking((request) => ({ ...request, limit: 100 })),
);

catches(
  "that does not claim the soonest first",
  "lock claims due tasks, soonest first, up to the limit",
  handingOut((tasks) => tasks.reverse()),
);

catches(
  "that claims what is not due",
  "a rescheduled task can be claimed again when it is due",
  settling(() => ({ when: new Date(0) })),
);

catches(
  "whose leases never end",
  "a claimed task can be claimed again when its lease has ended",
  asking((request) => ({ ...request, leaseMs: 1e12 })),
);

catches(
  "that ignores leases",
  "concurrent callers of lock get disjoint sets, and all tasks",
  asking((request) => ({ ...request, leaseMs: 0 })),
);

catches(
  "that gives a lease of its own choice",
  "lock gives a new version, the token of the call and a lease",
  asking((request) => ({ ...request, leaseMs: 30_000 })),
);

catches(
  "that gives a token of its own choice",
  "lock gives a new version, the token of the call and a lease",
  asking((request) => ({ ...request, token: 7 })),
);

catches(
  "that rounds tokens",
  "lock gives a new version, the token of the call and a lease",
  asking((request) => ({ ...request, token: Math.fround(request.token) })),
);

catches(
  "that claims without a new version",
  "get shows a running task as the claim did, and who holds it",
  handingOut((tasks) =>
    tasks.map((task) => ({ ...task, version: task.version - 1 }))
  ),
);

/** A store whose versions start at 1 with each creation, or with the store. */
class SmallVersions extends MemoryStore {
  /** What to take off the versions of a slug. */
  readonly #base = new Map<string, number>();
  readonly #startsAnew: boolean;

  constructor(
    options: ConstructorParameters<typeof MemoryStore>[0],
    startsAnew = false,
  ) {
    super(options);
    this.#startsAnew = startsAnew;
  }

  override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
    const outcomes = await super.create(tasks);
    for (const { slug } of tasks) {
      if (this.#base.has(slug) && !this.#startsAnew) continue;
      this.#base.set(slug, (await super.get(slug))!.version - 1);
    }
    return outcomes;
  }

  override async lock(request: LockRequest): Promise<TaskRecord[]> {
    return (await super.lock(request)).map((task) => ({
      ...task,
      version: task.version - this.#base.get(task.slug)!,
    }));
  }

  override reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    return super.reschedule(settlements.map((settlement) => ({
      ...settlement,
      version: settlement.version + this.#base.get(settlement.slug)!,
    })));
  }
}

catches(
  "whose versions have nothing to do with the clock",
  "versions start at the store's clock in microseconds",
  SmallVersions,
);

catches(
  "that gives versions again after a task has gone",
  "a version is never given twice, not even after a deletion",
  class extends SmallVersions {
    constructor(options: ConstructorParameters<typeof MemoryStore>[0]) {
      super(options, true);
    }
  },
  SmallVersions,
);

catches(
  "that hands out what it keeps",
  "lock does not alias what it hands out",
  class extends MemoryStore {
    readonly #payloads = new Map<string, Uint8Array>();

    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const tasks = await super.lock(request);
      return tasks.map((task) => {
        const payload = this.#payloads.get(task.slug) ?? task.payload;
        this.#payloads.set(task.slug, payload);
        return { ...task, payload };
      });
    }
  },
);

catches(
  "that counts no crashes",
  "only a take-over counts as a crash",
  handingOut((tasks) => tasks.map((task) => ({ ...task, crashes: 0 }))),
);

catches(
  "that counts each claim as a crash",
  "only a take-over counts as a crash",
  handingOut((tasks) =>
    tasks.map((task) => ({ ...task, crashes: task.crashes + 1 }))
  ),
);

catches(
  "that forgets crashes when a task is handed back",
  "only a take-over counts as a crash",
  settling(() => ({ crashes: 0 })),
);

catches(
  "where a take-over counts as a failure",
  "only a take-over counts as a crash",
  handingOut((tasks) =>
    tasks.map((task) => ({ ...task, retry: task.retry + task.crashes }))
  ),
);

catches(
  "that gives any amount of payload",
  "lock gives no more payload than asked for, but the first task always",
  asking((request) => ({ ...request, maxBytes: Infinity })),
);

/** A store that takes other tasks by their size. */
function bySize(
  fits: (bytes: number, sum: number, maxBytes: number) => boolean,
) {
  return class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const tasks = await super.lock({ ...request, maxBytes: Infinity });
      const taken: TaskRecord[] = [];
      let sum = 0;
      for (const task of tasks) {
        const bytes = task.payload.length;
        if (fits(bytes, sum, request.maxBytes)) {
          taken.push(task);
          sum += bytes;
        } else {
          await this.reschedule([settlement(task, {})]);
        }
      }
      return taken;
    }
  };
}

catches(
  "that never gives a task that is too large",
  "lock gives no more payload than asked for, but the first task always",
  bySize((bytes, sum, maxBytes) => sum + bytes <= maxBytes),
);

catches(
  "where small tasks overtake a large one",
  "a task that exceeds the bytes is not overtaken in its lane",
  bySize((bytes, sum, maxBytes) => sum === 0 || sum + bytes <= maxBytes),
);

catches(
  "that counts the bytes of each kind for itself",
  "the bytes are those of the tasks of all kinds",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const [x = [], y = []] = await Promise.all(
        request.kinds.map((kind) => super.lock({ ...request, kinds: [kind] })),
      );
      return x.flatMap((task, index) => [task, ...y.slice(index, index + 1)]);
    }
  },
);

catches(
  "that ignores the limits of kinds",
  "no more of a kind than its own limit is claimed",
  asking((request) => ({
    ...request,
    kinds: request.kinds.map(({ kind }) => ({ kind })),
  })),
);

catches(
  "that takes no limit for a limit of nothing",
  "no more of a kind than its own limit is claimed",
  asking((request) => ({
    ...request,
    kinds: request.kinds.map(({ kind, limit }) => ({
      kind,
      limit: limit || 9,
    })),
  })),
);

catches(
  "where the limit of a kind holds for each priority",
  "the limit of a kind holds for all of its priorities together",
  class extends MemoryStore {
    override create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      return super.create(tasks.map((task) => ({
        ...task,
        kind: `${task.kind}${task.priority}`,
      })));
    }

    override lock(request: LockRequest): Promise<TaskRecord[]> {
      const kinds = request.kinds.flatMap(({ kind, limit }) =>
        [1, 2, 3, 4].map((priority) => ({ kind: `${kind}${priority}`, limit }))
      );
      return super.lock({ ...request, kinds });
    }
  },
);

catches(
  "where a kind that is named twice counts twice",
  "a kind that is named twice counts once",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const once = new Map<string, KindRequest>();
      for (const kind of request.kinds) {
        const limit = (once.get(kind.kind)?.limit ?? 0) + (kind.limit ?? 10);
        once.set(kind.kind, { kind: kind.kind, limit });
      }
      return await super.lock({ ...request, kinds: [...once.values()] });
    }
  },
);

catches(
  "that serves one kind after the other",
  "kinds of equal priority take turns, each soonest first",
  kindByKind(),
);

catches(
  "that has an order of kinds of its own",
  "turns go in the order of the request",
  asking((request) => ({
    ...request,
    kinds: request.kinds.toSorted((a, b) => a.kind < b.kind ? -1 : 1),
  })),
);

catches(
  "that serves the kind first that has waited longest",
  "a backlog of one kind does not hold up the others",
  kindByKind(async (kinds, store) => {
    const waits = await Promise.all(kinds.map(async (request) => {
      const { when } = await store.nextRun({ kinds: [request.kind] });
      return { request, when: when?.getTime() ?? Infinity };
    }));
    return waits.sort((a, b) => a.when - b.when).map(({ request }) => request);
  }),
);

catches(
  "that serves only the first kinds of the request",
  "more kinds than the limit: each has its turn as the order moves on",
  asking((request) => ({
    ...request,
    kinds: request.kinds.toSorted((a, b) => a.kind < b.kind ? -1 : 1),
  })),
);

catches(
  "that ignores priorities",
  "lanes of a lower priority number go first",
  creating((task) => ({ ...task, priority: undefined })),
);

catches(
  "where the last priority goes first",
  "an urgent task passes a backlog of its kind",
  creating((task) => ({ ...task, priority: 5 - (task.priority ?? 3) })),
);

/** A store in which no task has waited for long. */
const ageless = creating((task) => {
  if (!("at" in task.due)) return task;
  const latest = Date.UTC(2026, 0, 1) - 10_000;
  return { ...task, due: { at: new Date(Math.max(latest, +task.due.at)) } };
});

catches(
  "where waiting does not raise a priority",
  "a task that waits gains one priority for each minute",
  ageless,
);

catches(
  "where a low priority starves",
  "a task that has waited for long takes turns with the most urgent",
  ageless,
);

catches(
  "where a priority ages for one kind alone",
  "a backlog raises all kinds of its priority, also fresh ones",
  kindByKind(async (kinds, store) => {
    const waits = await Promise.all(kinds.map(async (request) => {
      const { now, when } = await store.nextRun({ kinds: [request.kind] });
      return { request, isOld: +now - +(when ?? now) > 60_000 };
    }));
    return waits.sort((a, b) => Number(b.isOld) - Number(a.isOld))
      .map(({ request }) => request);
  }),
);

catches(
  "that waits for an urgent task which is not due",
  "what is not due does not hold up what is, whatever its priority",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const later = await this.get("later");
      return later?.priority === 1 ? [] : await super.lock(request);
    }
  },
);

catches(
  "that hands out a task whose lease has ended before all others",
  "a task whose lease has ended waits in its lane from then on",
  handingOut((tasks) => tasks.sort((a, b) => b.crashes - a.crashes)),
);

catches(
  "where the first priority takes the whole limit of its kind",
  "the priorities of a kind take turns within its limit",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const tasks = await super.lock({ ...request, kinds: [{ kind: "x" }] });
      const first = tasks.toSorted((a, b) => a.priority - b.priority)
        .slice(0, request.kinds[0].limit);
      for (const task of tasks) {
        if (first.includes(task)) continue;
        await this.reschedule([settlement(task, {})]);
      }
      return first;
    }
  },
);

catches(
  "whose watch tells nothing",
  "punctual without polling: woken by a task from elsewhere",
  class extends MemoryStore {
    override watch(): Promise<AsyncDisposable> {
      return super.watch(() => {});
    }
  },
);

catches(
  "whose watch goes on after it ended",
  "watch tells nothing more once it is disposed of",
  class extends MemoryStore {
    override async watch(
      onChange: Parameters<MemoryStore["watch"]>[0],
    ): Promise<AsyncDisposable> {
      await super.watch(onChange);
      return { [Symbol.asyncDispose]: () => Promise.resolve() };
    }
  },
);

catches(
  "whose creation fails when a watch throws",
  "a watch that throws fails no creation, and no other watch",
  class extends MemoryStore {
    #error: Error | undefined;

    override watch(
      onChange: Parameters<MemoryStore["watch"]>[0],
    ): Promise<AsyncDisposable> {
      return super.watch((change) => {
        try {
          onChange(change);
        } catch (error) {
          this.#error = error as Error;
        }
      });
    }

    override async create(
      ...args: Parameters<MemoryStore["create"]>
    ): Promise<CreateOutcome[]> {
      const outcomes = await super.create(...args);
      if (this.#error !== undefined) throw this.#error;
      return outcomes;
    }
  },
);

/** A store whose watches hear nothing of some calls. */
class Deaf extends MemoryStore {
  #isDeaf = false;

  override watch(
    onChange: Parameters<MemoryStore["watch"]>[0],
  ): Promise<AsyncDisposable> {
    return super.watch((change) => {
      if (!this.#isDeaf) onChange(change);
    });
  }

  async unheard<T>(isDeaf: boolean, call: () => Promise<T>): Promise<T> {
    this.#isDeaf = isDeaf;
    const answer = await call();
    this.#isDeaf = false;
    return answer;
  }
}

for (const onConflict of ["replace", "rerun"]) {
  catches(
    `whose watch does not tell of ${onConflict}`,
    "watch tells of a task that was replaced, or that is to run again",
    class extends Deaf {
      override async create(
        tasks: readonly NewTask[],
      ): Promise<CreateOutcome[]> {
        const outcomes: CreateOutcome[] = [];
        for (const task of tasks) {
          const isDeaf = task.onConflict === onConflict;
          const create = () => super.create([task]);
          outcomes.push(...await this.unheard(isDeaf, create));
        }
        return outcomes;
      }
    },
  );
}

/** A store whose watches hear nothing of some settlements. */
function deafTo(isUnheard: (settlement: Settlement) => boolean) {
  return class extends Deaf {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      return await this.unheard(
        settlements.some(isUnheard),
        () => super.reschedule(settlements),
      );
    }
  };
}

catches(
  "whose watch does not tell what comes back",
  "watch tells of a task that comes back before its lease ends",
  deafTo(({ next }) => next?.status === "scheduled"),
);

catches(
  "whose watch does not tell of a rerun after an end",
  "watch tells of a rerun when the run before it ends",
  deafTo(({ next }) => next?.status !== "scheduled"),
);
