import type {
  CreateOutcome,
  InstanceRecord,
  LivingInstance,
  NewTask,
  NextRun,
  NextRunRequest,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import type { TaskDetails } from "../../src/api/task.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { catches, settling } from "../helpers/broken_store.ts";

/** A store that shows tasks otherwise than they are. */
function showing(change: (task: TaskDetails) => Partial<TaskDetails>) {
  return class extends MemoryStore {
    override async get(slug: string): Promise<TaskDetails | undefined> {
      const task = await super.get(slug);
      return task && { ...task, ...change(task) };
    }
  };
}

/** A store that copies whatever goes in and out. */
class Careful extends MemoryStore {
  override reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    return super.reschedule(structuredClone(settlements));
  }

  override nextRun(request: NextRunRequest): Promise<NextRun> {
    return super.nextRun(structuredClone(request));
  }

  override async listInstances(): Promise<LivingInstance[]> {
    return structuredClone(await super.listInstances());
  }
}

catches(
  "that keeps the last run as it was given",
  "get copies the last run and the last error",
  class extends Careful {
    #given: TaskDetails["lastRun"];

    override reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      this.#given = settlements[0].next?.lastRun;
      return super.reschedule(settlements);
    }

    override async get(slug: string): Promise<TaskDetails | undefined> {
      const task = await super.get(slug);
      return task && { ...task, lastRun: this.#given };
    }
  },
  Careful,
);

catches(
  "that tells of instances what it keeps",
  "nextRun copies what it notes, and listInstances what it tells",
  class extends Careful {
    #told: LivingInstance[] | undefined;

    override async listInstances(): Promise<LivingInstance[]> {
      return this.#told ??= await super.listInstances();
    }
  },
  Careful,
);

catches(
  "that does not copy tasks out",
  "get copies what it answers",
  class extends MemoryStore {
    #seen: TaskDetails | undefined;

    override async get(slug: string): Promise<TaskDetails | undefined> {
      return this.#seen ??= await super.get(slug);
    }
  },
);

catches(
  "that does not show who declared a task",
  "get shows every field that create was given",
  showing(() => ({ declared: undefined })),
);

catches(
  "that does not know when a task was created",
  "get shows every field that create was given",
  showing(() => ({ createdAt: new Date(0) })),
);

catches(
  "that finds slugs whatever their case",
  "get finds nothing where there is nothing",
  class extends MemoryStore {
    override get(slug: string): Promise<TaskDetails | undefined> {
      return super.get(slug.toLowerCase());
    }
  },
);

catches(
  "that lists only what waits or runs",
  "getSlugs tells all slugs, whatever their state",
  class extends MemoryStore {
    override async getSlugs(): Promise<string[]> {
      const slugs = await super.getSlugs();
      const tasks = await Promise.all(slugs.map((slug) => this.get(slug)));
      return slugs.filter((_, index) => tasks[index]?.status !== "done");
    }
  },
);

catches(
  "that lists 300 slugs",
  "getSlugs tells many slugs",
  class extends MemoryStore {
    override async getSlugs(): Promise<string[]> {
      return (await super.getSlugs()).slice(0, 300);
    }
  },
);

catches(
  "that does not tell who holds a task",
  "get shows a running task as the claim did, and who holds it",
  showing(() => ({ holder: undefined })),
);

catches(
  "that tells who held a task first",
  "get shows a running task as the claim did, and who holds it",
  class extends MemoryStore {
    #holder: TaskDetails["holder"];

    override async get(slug: string): Promise<TaskDetails | undefined> {
      const task = await super.get(slug);
      this.#holder ??= task?.holder;
      return task && { ...task, holder: task.holder && this.#holder };
    }
  },
);

catches(
  "that tells who held a task last",
  "get shows the state into which a task was settled",
  showing(({ holder }) => ({
    holder: holder ?? { instance: "the holder", since: new Date(0) },
  })),
);

catches(
  "that keeps the token of the last claim",
  "get shows the state into which a task was settled",
  showing(({ token }) => ({ token: token ?? 1 })),
);

catches(
  "that creates a task anew with each settlement",
  "get shows the state into which a task was settled",
  showing(({ createdAt, status }) => ({
    createdAt: status === "running" ? createdAt : new Date(1),
  })),
);

catches(
  "that keeps what is done in any case",
  "a task that is done and not kept is gone",
  class extends MemoryStore {
    override async getSlugs(): Promise<string[]> {
      return [...await super.getSlugs(), "a"];
    }
  },
);

catches(
  "that forgets the last run when a task is handed back",
  "get shows the last run, and a hand-back leaves it as it was",
  class extends MemoryStore {
    #isForgotten = false;

    override reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      this.#isForgotten = settlements[0].next?.lastRun === undefined;
      return super.reschedule(settlements);
    }

    override async get(slug: string): Promise<TaskDetails | undefined> {
      const task = await super.get(slug);
      return task && this.#isForgotten ? { ...task, lastRun: undefined } : task;
    }
  },
);

catches(
  "that knows no runs but those that failed or succeeded",
  "get shows the last run, and a hand-back leaves it as it was",
  settling(({ lastRun }) => ({
    lastRun: lastRun?.outcome === "skipped"
      ? { ...lastRun, outcome: "succeeded" }
      : lastRun,
  })),
);

catches(
  "that forgets the last error when a task is handed back",
  "get shows the last error until it is cleared",
  settling(({ lastError }) => ({ lastError: lastError ?? null })),
);

catches(
  "that never forgets the last error",
  "get shows the last error until it is cleared",
  settling(({ lastError }) => ({ lastError: lastError ?? undefined })),
);

catches(
  "that does not show until when a task stays",
  "get shows until when a task stays that has ended",
  showing(() => ({ keepUntil: undefined })),
);

catches(
  "where a task that waits has an end",
  "get shows until when a task stays that has ended",
  showing(({ keepUntil, status }) => ({
    keepUntil: status === "scheduled" ? new Date() : keepUntil,
  })),
);

/** A store that removes more than it should. */
function removing(isGone: (task: TaskDetails) => boolean) {
  return class extends MemoryStore {
    override async nextRun(request: NextRunRequest): Promise<NextRun> {
      for (const slug of await this.getSlugs()) {
        const task = await this.get(slug);
        if (task !== undefined && isGone(task)) await this.delete(slug);
      }
      return await super.nextRun(request);
    }
  };
}

const PRUNING = "nextRun removes what has stayed long enough, and nothing else";

catches(
  "that removes what is done before its time",
  PRUNING,
  removing(({ keepUntil }) => keepUntil !== undefined),
);

catches(
  "that removes what is to stay for ever",
  PRUNING,
  removing(({ status, keepUntil }) =>
    status === "done" && keepUntil === undefined
  ),
);

catches(
  "that removes what waits and would not stay for long",
  PRUNING,
  removing(({ keepMs }) => keepMs === 1),
);

catches(
  "that removes nothing by itself",
  PRUNING,
  settling(() => ({ keepMs: Infinity })),
);

catches(
  "that does not show that a rerun is to follow",
  "get shows a rerun that is to follow",
  showing(() => ({ rerunAt: undefined })),
);

catches(
  "that goes on showing a rerun which was due",
  "get shows a rerun that is to follow",
  showing(({ rerunAt, when }) => ({ rerunAt: rerunAt ?? when })),
);

/** A store that takes one way to add a task for the other. */
function confusing(
  from: NewTask["onConflict"],
  to: NewTask["onConflict"],
  outcome: CreateOutcome,
) {
  return class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const outcomes = await super.create(tasks.map((task) => ({
        ...task,
        onConflict: task.onConflict === from ? to : task.onConflict,
      })));
      return outcomes.map((one, index) =>
        tasks[index].onConflict === from && one !== "created" ? outcome : one
      );
    }
  };
}

catches(
  "where a rerun creates the task anew",
  "rerun keeps the time of creation, and replace does not",
  confusing("rerun", "replace", "merged"),
);

catches(
  "where a replaced task keeps its time of creation",
  "rerun keeps the time of creation, and replace does not",
  confusing("replace", "rerun", "replaced"),
);

catches(
  "that replaces all but the declaration",
  "replace takes the new trigger, due time and declaration",
  showing(({ declared }) => ({
    declared: declared && { ...declared, hash: "1" },
  })),
);

catches(
  "that notes when it was asked in vain",
  "a call that comes too late leaves no trace",
  class extends MemoryStore {
    #calls = 0;

    override create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      this.#calls++;
      return super.create(tasks);
    }

    override async get(slug: string): Promise<TaskDetails | undefined> {
      const task = await super.get(slug);
      return task && { ...task, revision: this.#calls };
    }
  },
);

catches(
  "that does not delete what runs",
  "delete removes a task, even while it runs",
  class extends MemoryStore {
    override async delete(slug: string): Promise<boolean> {
      const running = (await this.get(slug))?.status === "running";
      return running ? false : super.delete(slug);
    }
  },
);

catches(
  "that says of each task that it was there",
  "delete removes a task, and tells whether there was one",
  class extends MemoryStore {
    override async delete(slug: string): Promise<boolean> {
      await super.delete(slug);
      return true;
    }
  },
);

catches(
  "that does not delete what has ended",
  "delete removes a task that has ended",
  class extends MemoryStore {
    override async delete(slug: string): Promise<boolean> {
      const { status } = await this.get(slug) ?? {};
      return status === "cancelled" ? false : super.delete(slug);
    }
  },
);

catches(
  "that deletes what looks like the slug",
  "delete takes awkward slugs, and mixes up none",
  class extends MemoryStore {
    override delete(slug: string): Promise<boolean> {
      return super.delete(slug.normalize());
    }
  },
);

catches(
  "that does not clear what runs",
  "clear removes all tasks, even those that run",
  class extends MemoryStore {
    override async clear(): Promise<void> {
      for (const slug of await this.getSlugs()) {
        if ((await this.get(slug))?.status === "running") continue;
        await super.delete(slug);
      }
    }
  },
);

catches(
  "that clears 300 tasks",
  "clear removes many tasks",
  class extends MemoryStore {
    override async clear(): Promise<void> {
      for (const slug of (await this.getSlugs()).slice(0, 300)) {
        await super.delete(slug);
      }
    }
  },
);

/** A store that notes instances otherwise than they are. */
function noting(
  change: (instance: InstanceRecord) => InstanceRecord | undefined,
) {
  return class extends MemoryStore {
    override nextRun(request: NextRunRequest): Promise<NextRun> {
      const { instance } = request;
      return super.nextRun({
        ...request,
        instance: instance && change(instance),
      });
    }
  };
}

catches(
  "that notes no instances",
  "nextRun notes who asks, with every field",
  noting(() => undefined),
);

catches(
  "that does not note that an instance stops",
  "nextRun notes who asks, with every field",
  noting((instance) => ({ ...instance, stopping: false })),
);

catches(
  "that notes an empty version where there is none",
  "an instance without kinds and without an app is noted as well",
  noting((instance) => ({ ...instance, app: instance.app ?? "" })),
);

/** A store that lists other instances. */
function listing(change: (instances: LivingInstance[]) => LivingInstance[]) {
  return class extends MemoryStore {
    override async listInstances(): Promise<LivingInstance[]> {
      return change(await super.listInstances());
    }
  };
}

catches(
  "that does not know when an instance was seen",
  "nextRun notes who asks, with every field",
  listing((instances) =>
    instances.map((one) => ({ ...one, seenAt: one.startedAt }))
  ),
);

catches(
  "that lists instances in any order",
  "instances are listed in the order of their ids",
  listing((instances) => instances.reverse()),
);

catches(
  "that notes an instance only once",
  "who asks again is noted anew, and lives on",
  class extends MemoryStore {
    readonly #known = new Set<string>();

    override nextRun(request: NextRunRequest): Promise<NextRun> {
      const { instance } = request;
      const isKnown = instance && this.#known.has(instance.id);
      if (instance) this.#known.add(instance.id);
      return super.nextRun({
        ...request,
        instance: isKnown ? undefined : instance,
      });
    }
  },
);

catches(
  "that notes an instance anew, but not what has changed",
  "who asks again is noted anew, and lives on",
  class extends MemoryStore {
    readonly #known = new Map<string, InstanceRecord>();

    override nextRun(request: NextRunRequest): Promise<NextRun> {
      const { instance } = request;
      if (instance === undefined) return super.nextRun(request);
      const known = this.#known.get(instance.id) ?? instance;
      this.#known.set(instance.id, known);
      return super.nextRun({ ...request, instance: known });
    }
  },
);

const DEAD = "who is not heard of for its own timeout is shown no more";

catches(
  "that shows the dead",
  DEAD,
  noting((instance) => ({ ...instance, timeoutMs: Infinity })),
);

catches(
  "with one timeout for all instances",
  DEAD,
  noting((instance) => ({ ...instance, timeoutMs: 60_000 })),
);

catches(
  "that takes any look for a sign of life",
  "nextRun without an instance notes nothing",
  class extends MemoryStore {
    #last: InstanceRecord | undefined;

    override nextRun(request: NextRunRequest): Promise<NextRun> {
      this.#last = request.instance ?? this.#last;
      return super.nextRun({ ...request, instance: this.#last });
    }
  },
);

catches(
  "that tells an instance of nothing when it notes it",
  "nextRun tells the same, whoever asks",
  class extends MemoryStore {
    override async nextRun(request: NextRunRequest): Promise<NextRun> {
      const { now, when } = await super.nextRun(request);
      return { now, when: request.instance ? undefined : when };
    }
  },
);

catches(
  "that does not remove instances",
  "removeInstance removes one, and its tasks stay",
  class extends MemoryStore {
    override removeInstance(): Promise<void> {
      return Promise.resolve();
    }
  },
);

catches(
  "that removes the tasks of an instance with it",
  "removeInstance removes one, and its tasks stay",
  class extends MemoryStore {
    override async removeInstance(id: string): Promise<void> {
      await super.removeInstance(id);
      for (const slug of await this.getSlugs()) {
        const { holder } = await this.get(slug) ?? {};
        if (holder?.instance === id) await this.delete(slug);
      }
    }
  },
);
