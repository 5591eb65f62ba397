import type { Claim, NextState, Settlement } from "../../src/api/job_store.ts";
import {
  lockRequest,
  newTask,
  newToken,
} from "../conformance/store_harness.ts";
import {
  HALF,
  MINUTE,
  minute,
  type ModelSession,
} from "../helpers/model_session.ts";

/** A lease that outlasts whatever is done. */
export const LONG_MS: number = 60 * MINUTE + HALF;

/** A task in one of the states, and the claim by which its holder knows it. */
export interface Subject {
  readonly slug: string;
  /** It may be stale, or may never have been given. */
  readonly claim: Claim;
}

/** Tasks that are claimed on their way to their state. */
const CLAIMED = [
  "running",
  "running after a failure",
  "taken over",
  "expired",
  "retrying",
  "retry due",
  "handed back",
  "failed",
  "failed past its time",
  "cancelled",
  "done",
  "done past its time",
  "running, rerun later",
  "running, rerun due",
  "expired, rerun due",
] as const;

type Claimed = typeof CLAIMED[number];

/** The names of all states. */
export const STATES: readonly string[] = [
  "absent",
  "waiting",
  "due",
  ...CLAIMED,
];

/** What a run leaves. */
export function stateOf(
  session: ModelSession,
  next: Partial<NextState> = {},
): NextState {
  const at = new Date("2026-01-01T00:00:00Z");
  const now = session.minutes;
  return {
    status: "scheduled",
    when: minute(now - 1),
    scheduledFor: minute(now - 1),
    retry: 0,
    crashes: 0,
    result: "a result",
    payload: undefined,
    lastRun: { startedAt: at, endedAt: at, outcome: "failed" },
    lastError: { name: "Error", message: "no luck", stack: "", at },
    keepMs: LONG_MS,
    ...next,
  };
}

/** Brings a task into each of the states, all in one store. */
export async function setUp(session: ModelSession): Promise<Subject[]> {
  await session.create(CLAIMED.map((slug, index) =>
    newTask(slug, {
      payload: new Uint8Array([index]),
      due: { at: minute(-20 - index) },
    })
  ));
  const claims = await lockAll(session, MINUTE + HALF);
  const claimOf = (slug: Claimed) => claims.get(slug)!;
  const settle = (slug: Claimed, next: Partial<NextState>): Settlement => ({
    ...claimOf(slug),
    next: stateOf(session, next),
  });
  const again = "running after a failure";
  await session.reschedule([settle(again, { retry: 1, crashes: 1 })]);
  claims.set(again, (await lockAll(session, MINUTE + HALF)).get(again)!);
  // All but the one that another is to take over.
  const others = CLAIMED.filter((slug) => slug !== "taken over");
  await session.renew(others.map(claimOf), LONG_MS);
  await session.elapse(2);
  await lockAll(session, LONG_MS, 1);

  const later = minute(session.minutes + 10);
  await session.reschedule([
    settle("retrying", { when: later, retry: 2 }),
    settle("retry due", { retry: 2 }),
    settle("handed back", { lastRun: undefined, lastError: undefined }),
    settle("failed", { status: "failed", retry: 3, keepMs: Infinity }),
    settle("failed past its time", { status: "failed", keepMs: HALF }),
    settle("cancelled", { status: "cancelled" }),
    settle("done", { status: "done" }),
    settle("done past its time", { status: "done", keepMs: HALF }),
  ]);
  await session.create([
    rerun("running, rerun later", later),
    rerun("running, rerun due", minute(session.minutes - 1)),
    rerun("expired, rerun due", minute(session.minutes - 1)),
  ]);
  const expiring = ["expired", "expired, rerun due"] as const;
  await session.renew(expiring.map(claimOf), HALF);
  await session.elapse(1);
  await session.create([
    newTask("waiting", { due: { at: minute(session.minutes + 10) } }),
    newTask("due", { due: { at: minute(session.minutes - 1) }, priority: 2 }),
  ]);
  return STATES.map((slug) => ({
    slug,
    claim: claims.get(slug) ?? { slug, version: 1, token: newToken() },
  }));
}

/** Claims all that is due; returns the claims by slug. */
export async function lockAll(
  session: ModelSession,
  leaseMs: number,
  store = 0,
): Promise<Map<string, Claim>> {
  const claims = new Map<string, Claim>();
  for (;;) {
    const request = lockRequest({
      limit: 100,
      leaseMs,
      holder: `holder ${store}`,
    });
    const tasks = await session.lock(request, store);
    if (tasks.length === 0) return claims;
    for (const { slug, version } of tasks) {
      claims.set(slug, { slug, version, token: request.token });
    }
  }
}

function rerun(slug: string, at: Date) {
  return newTask(slug, { onConflict: "rerun", due: { at } });
}
