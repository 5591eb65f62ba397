import type {
  CreateOutcome,
  LockRequest,
  NewTask,
  NextRun,
  NextRunRequest,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import { MemoryStore } from "../../stores/memory.ts";
import { catches, creating } from "../helpers/broken_store.ts";

catches(
  "that tells what became of tasks in another order",
  "create tells what became of each task, in order",
  class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      return (await super.create(tasks)).sort();
    }
  },
);

catches(
  "that creates some tasks when others are taken",
  "create adds nothing if a slug is taken, and tells which",
  class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const outcomes = await Promise.all(
        tasks.map((task) => super.create([task])),
      );
      const isTaken = outcomes.flat().includes("taken");
      return outcomes.flat().map((outcome) =>
        isTaken && outcome !== "taken" ? "withheld" : outcome
      );
    }
  },
);

catches(
  "that does not tell which slug is taken",
  "create adds nothing if a slug is taken, and tells which",
  class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const outcomes = await super.create(tasks);
      return outcomes.map((one) => one === "withheld" ? "taken" : one);
    }
  },
);

catches(
  "that creates only a hundred tasks at once",
  "more than a hundred creations in one call all take effect",
  class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const outcomes = await super.create(tasks.slice(0, 100));
      return tasks.map((_, index) => outcomes[index] ?? "created");
    }
  },
);

catches(
  "that is atomic for a hundred tasks only",
  "of more than a hundred creations none takes effect if one is taken",
  class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const outcomes: CreateOutcome[] = [];
      for (let from = 0; from < tasks.length; from += 100) {
        outcomes.push(...await super.create(tasks.slice(from, from + 100)));
      }
      return outcomes.includes("taken")
        ? outcomes.map((one) => one === "taken" ? one : "withheld")
        : outcomes;
    }
  },
);

catches(
  "that reads what it is given too late",
  "create copies what it is given",
  class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      await Promise.resolve();
      return await super.create(tasks);
    }
  },
);

catches(
  "that does not copy payloads in",
  "create copies what it is given",
  class extends MemoryStore {
    readonly #given = new Map<string, Uint8Array>();

    override create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      for (const task of tasks) this.#given.set(task.slug, task.payload);
      return super.create(tasks);
    }

    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      return (await super.lock(request)).map((task) => ({
        ...task,
        payload: this.#given.get(task.slug)!.slice(),
      }));
    }
  },
);

catches(
  "that rounds dates to seconds",
  "create keeps what the claim hands out",
  creating((task) => {
    if (!("at" in task.due)) return task;
    const seconds = Math.round(task.due.at.getTime() / 1_000);
    return { ...task, due: { at: new Date(seconds * 1_000) } };
  }),
);

catches(
  "that drops keys",
  "create keeps what the claim hands out",
  creating((task) => ({ ...task, key: undefined })),
);

catches(
  "that drops the time to stay",
  "create keeps what the claim hands out",
  creating((task) => ({ ...task, keepMs: undefined })),
);

catches(
  "with another priority for tasks that have none",
  "create has defaults: priority 3, no key, no trigger, no keepMs",
  creating((task) => ({ ...task, priority: task.priority ?? 2 })),
);

catches(
  "that takes delays for instants of another clock",
  "create with a delay counts from the store's clock",
  creating((task) => {
    if (!("inMs" in task.due)) return task;
    const at = new Date(Date.UTC(2026, 0, 1, 0, 0, 5) + task.due.inMs);
    return { ...task, due: { at } };
  }),
);

catches(
  "that mixes up slugs",
  "awkward slugs are kept apart, claimed and settled",
  creating((task) => ({ ...task, slug: task.slug.normalize() })),
);

catches(
  "that mixes up kinds",
  "awkward kinds are kept apart",
  creating((task) => ({ ...task, kind: task.kind.toLowerCase() })),
);

catches(
  "that replaces what should be kept",
  "create with keep leaves the old task as it was",
  creating((task) => ({ ...task, onConflict: "replace" })),
);

catches(
  "that keeps what should be replaced",
  "create with replace takes all that is new",
  creating((task) => ({ ...task, onConflict: "keep" })),
);

/** A store that sees the old task when one is replaced. */
function replacing(
  change: (task: NewTask, old: TaskRecord) => Partial<NewTask>,
) {
  return class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const changed = await Promise.all(tasks.map(async (task) => {
        const old = await this.get(task.slug);
        return task.onConflict === "replace" && old !== undefined
          ? { ...task, ...change(task, old) }
          : task;
      }));
      return await super.create(changed);
    }
  };
}

catches(
  "that replaces all but the trigger",
  "create with replace takes all that is new",
  replacing((_, { trigger }) => ({ trigger })),
);

catches(
  "that replaces all but the due time",
  "create with replace takes all that is new",
  replacing((_, { when }) => ({ due: { at: when } })),
);

catches(
  "that replaces all but the payload",
  "create with replace takes all that is new",
  replacing((_, { payload }) => ({ payload })),
);

catches(
  "that keeps what the new task does not have",
  "create with replace takes away what the old task had",
  replacing((task, old) => ({
    key: task.key ?? old.key,
    priority: task.priority ?? old.priority,
  })),
);

catches(
  "whose revision does not grow when a task is replaced",
  "create with replace takes all that is new",
  class extends MemoryStore {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const tasks = await super.lock(request);
      return tasks.map((task) => ({ ...task, revision: 0 }));
    }
  },
);

/** A store that does something else in place of a rerun. */
function rerunning(
  status: TaskRecord["status"],
  onConflict: "keep" | "replace",
) {
  return class extends MemoryStore {
    override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
      const changed = await Promise.all(tasks.map(async (task) => {
        const old = await this.get(task.slug);
        const isOther = old?.status === status && task.onConflict === "rerun";
        return isOther ? { ...task, onConflict } : task;
      }));
      const outcomes = await super.create(changed);
      return outcomes.map((outcome, index) =>
        tasks[index].onConflict === "rerun" && outcome !== "created"
          ? "merged"
          : outcome
      );
    }
  };
}

catches(
  "that ignores a rerun of a waiting task",
  "rerun makes a waiting task due at the sooner of both",
  rerunning("scheduled", "keep"),
);

catches(
  "that puts off a waiting task by a rerun",
  "rerun makes a waiting task due at the sooner of both",
  rerunning("scheduled", "replace"),
);

catches(
  "that forgets the retries of a task by a rerun",
  "rerun leaves the count of retries alone",
  rerunning("scheduled", "replace"),
);

catches(
  "that ignores a rerun of a running task",
  "rerun of a running task has it run once more right after",
  rerunning("running", "keep"),
);

catches(
  "that takes a task away from its holder by a rerun",
  "rerun of a running task has it run once more right after",
  rerunning("running", "replace"),
);

catches(
  "that ignores a rerun of a task that has failed",
  "rerun starts a task anew that has ended",
  rerunning("failed", "keep"),
);

catches(
  "that ignores a rerun of a task that is done",
  "rerun starts a task anew that has ended",
  rerunning("done", "keep"),
);

/** A store that remembers reruns of running tasks by itself. */
class OwnReruns extends MemoryStore {
  readonly reruns = new Map<string, NewTask>();

  override async create(tasks: readonly NewTask[]): Promise<CreateOutcome[]> {
    const outcomes: CreateOutcome[] = [];
    for (const task of tasks) {
      const old = await this.get(task.slug);
      if (task.onConflict === "rerun" && old?.status === "running") {
        this.remember(task);
        outcomes.push("merged");
      } else {
        if (task.onConflict === "replace") this.replaced(task.slug);
        outcomes.push(...await super.create([task]));
      }
    }
    return outcomes;
  }

  override async reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    const outcomes = await super.reschedule(settlements);
    for (const [index, settlement] of settlements.entries()) {
      const rerun = this.reruns.get(settlement.slug);
      if (outcomes[index] !== "settled" || rerun === undefined) continue;
      this.reruns.delete(settlement.slug);
      if (this.isDue(settlement)) await super.create([rerun]);
    }
    return outcomes;
  }

  remember(task: NewTask): void {
    const old = this.reruns.get(task.slug);
    const timeOf = ({ due }: NewTask) => "at" in due ? +due.at : 0;
    if (old !== undefined && timeOf(old) <= timeOf(task)) return;
    this.reruns.set(task.slug, task);
  }

  isDue(_settlement: Settlement): boolean {
    return true;
  }

  replaced(slug: string): void {
    this.reruns.delete(slug);
  }
}

catches(
  "where the last of several reruns counts",
  "several reruns of a running task are one, the soonest",
  class extends OwnReruns {
    override remember(task: NewTask): void {
      this.reruns.set(task.slug, task);
    }
  },
  OwnReruns,
);

catches(
  "where an end takes precedence over a rerun",
  "a rerun takes precedence over an end, and retries from the start",
  class extends OwnReruns {
    override isDue({ next }: Settlement): boolean {
      return next === undefined;
    }
  },
  OwnReruns,
);

catches(
  "where a later fire takes precedence over a rerun",
  "a rerun and a later fire are due at the sooner of both",
  class extends OwnReruns {
    override isDue({ next }: Settlement): boolean {
      return next?.status !== "scheduled";
    }
  },
  OwnReruns,
);

catches(
  "that forgets a rerun with the holder",
  "a rerun outlives the holder that it was asked of",
  class extends OwnReruns {
    override async lock(request: LockRequest): Promise<TaskRecord[]> {
      const tasks = await super.lock(request);
      for (const { slug } of tasks) this.reruns.delete(slug);
      return tasks;
    }
  },
  OwnReruns,
);

catches(
  "where a rerun outlives a replacement",
  "replacing a running task drops the rerun that it was to have",
  class extends OwnReruns {
    override replaced(): void {}
  },
  OwnReruns,
);

/** A store that removes by itself what has stayed long enough. */
class OwnPruning extends MemoryStore {
  readonly #until = new Map<string, number>();

  override async reschedule(
    settlements: readonly Settlement[],
  ): Promise<SettleOutcome[]> {
    const { now } = await super.nextRun({ kinds: [] });
    for (const { slug, next } of settlements) {
      if (next !== undefined) this.#until.set(slug, +now + next.keepMs);
    }
    return await super.reschedule(settlements.map((settlement) => ({
      ...settlement,
      next: settlement.next && { ...settlement.next, keepMs: Infinity },
    })));
  }

  override async nextRun(request: NextRunRequest): Promise<NextRun> {
    const { now } = await super.nextRun({ kinds: [] });
    for (const [slug, until] of this.#until) {
      if (until <= +now) await this.delete(slug);
    }
    return await super.nextRun(request);
  }
}

catches(
  "where what is not removed yet takes a slug",
  "what was kept for its time takes no slug, in no mode",
  OwnPruning,
);

catches(
  "that removes a replaced task when the old one had stayed long enough",
  "a replaced task does not end with the time of the old one",
  OwnPruning,
);
