import type { Clock } from "../api/clock.ts";
import type { ClaimingStore } from "../api/job_store.ts";
import { decide, isMissed, type Outcome, unstorable } from "../core/decide.ts";
import { reasonText } from "../core/text.ts";
import { execute } from "./execute.ts";
import { type Instance, randomToken } from "./instance.ts";
import type { KindTurns } from "./kind_turns.ts";
import { type Leases, renewalPeriodMs } from "./leases.ts";
import type { Registration, Registry } from "./registry.ts";
import { reportClaims, reportOutcome } from "./reports.ts";
import { Run, runContext } from "./run.ts";
import type { SafeLogger } from "../core/safe_logger.ts";
import type { Settler } from "./settler.ts";
import type { Slots } from "./slots.ts";
import type { StoreClock } from "./store_clock.ts";
import type { Turns } from "./turns.ts";

/** What a round works with. */
export interface Runtime {
  readonly store: ClaimingStore;
  readonly registry: Registry;
  readonly storeClock: StoreClock;
  readonly clock: Clock;
  readonly logger: SafeLogger;
  readonly leaseMs: number;
  /** The claims that this process holds. */
  readonly leases: Leases;
  /** The jobs that this process may run at once. */
  readonly slots: Slots;
  readonly settler: Settler;
  readonly turns: Turns;
  /** What others know of this process. */
  readonly instance: Instance;
  /** Which kind is first in the next claim. */
  readonly kindTurns: KindTurns;
  /** Aborts when nothing more is to begin. */
  readonly stopping: AbortSignal;
}

/** What a round has begun. */
export interface Round {
  /** How many tasks were claimed. */
  readonly claimed: number;
  /** Resolves when their jobs have ended, and the store knows how. */
  ended(): Promise<void>;
}

/**
 * One round: claims due tasks, executes their jobs, decides what becomes of the
 * tasks, and settles them. Does not wait for jobs that are asynchronous.
 *
 * @param limit How many to claim at most.
 */
export async function runDue(runtime: Runtime, limit: number): Promise<Round> {
  const { settler, storeClock, turns } = runtime;

  const runs = await claim(runtime, limit);
  const now = storeClock.now();
  const jobs: Promise<void>[] = [];

  for (const run of runs) {
    if (turns.areDue) await turns.give();
    const { task } = run;
    const { policy, fault } = policyOf(runtime, run);

    const settle = (outcome: Outcome) => {
      const counted = end(runtime, run, outcome);
      if (counted !== undefined) {
        const ended = storeClock.now();
        const times = { startedAt: run.startedAt ?? ended, now: ended };
        const next = decide(task, counted, policy, times);
        const parked = (error: Error) => unstorable(task, policy, error, times);
        settler.add({ run, next, parked });
        reportOutcome(runtime.logger, task, counted, next);
      }
      runtime.slots.giveBack();
    };

    const outcome = withheld(runtime, run) ?? fault ??
      (isMissed(task, policy, now) ? SKIPPED : start(runtime, run, policy));
    if (outcome instanceof Promise) jobs.push(outcome.then(settle));
    else settle(outcome);
  }
  return {
    claimed: runs.length,
    async ended() {
      await Promise.all(jobs);
      await settler.flush();
    },
  };
}

/** The outcome of a run that may not begin any more. */
function withheld(
  { clock, stopping }: Runtime,
  run: Run,
): Outcome | undefined {
  if (run.cancelled) return CANCELLED;
  // While others had their turn, the claim may have been lost, or run out.
  const mayBegin = !stopping.aborted && !run.aborted &&
    run.leaseEndsAt > clock.monotonic();
  return mayBegin ? undefined : RELEASED;
}

function start(
  { store, storeClock }: Runtime,
  run: Run,
  { job }: Registration,
): Outcome | Promise<Outcome> {
  run.startedAt = storeClock.now();
  return execute(job, run.task, runContext(run), store.maxPayloadBytes);
}

const RELEASED: Outcome = { type: "released" };
const SKIPPED: Outcome = { type: "skipped" };
const CANCELLED: Outcome = { type: "cancelled" };
/** No claim takes more payload than this, but for a single task. */
const MAX_CLAIM_BYTES = 32 * 1_024 * 1_024;

async function claim(runtime: Runtime, limit: number): Promise<Run[]> {
  const { store, registry, clock, leaseMs, leases, slots, kindTurns } = runtime;
  const kinds = kindTurns.order(registry.kinds);
  if (kinds.length === 0) return [];
  const askedAt = clock.monotonic();
  const tasks = await store.lock({
    kinds,
    limit,
    maxBytes: MAX_CLAIM_BYTES,
    leaseMs,
    holder: runtime.instance.id,
    token: randomToken(),
  });
  kindTurns.served(kinds, tasks);
  reportClaims(runtime.logger, tasks);
  return tasks.map((task) => {
    const leaseEndsAt = askedAt + leaseMs;
    const run = new Run(task, leaseEndsAt, askedAt + renewalPeriodMs(leaseMs));
    leases.hold(run);
    slots.take();
    return run;
  });
}

/** What the kind of the task says, or why the task cannot run. */
function policyOf(
  { registry }: Runtime,
  { task }: Run,
): { readonly policy: Registration; readonly fault?: Outcome } {
  try {
    return { policy: registry.registrationOf(task) };
  } catch (error) {
    const fault = {
      type: "failed",
      message: reasonText(error),
      error,
    } as const;
    const policy = { ...registry.get(task.kind), trigger: undefined };
    return { policy, fault };
  }
}

/** The outcome that counts; `undefined`: none does, for the claim is gone. */
function end(
  { leases }: Runtime,
  run: Run,
  outcome: Outcome,
): Outcome | undefined {
  run.executing = false;
  if (run.ended === "lost") leases.drop(run);
  if (run.ended !== undefined) return undefined;
  // What a job throws when it is told to end is no fault of its own.
  if (!run.aborted || outcome.type !== "failed") return outcome;
  return run.cancelled ? CANCELLED : RELEASED;
}
