import type { NextState, OnConflict } from "../../src/api/job_store.ts";
import { lockRequest, newTask } from "../conformance/store_harness.ts";
import { minute, type ModelSession } from "../helpers/model_session.ts";
import { lockAll, LONG_MS, stateOf, type Subject } from "./states.ts";

/** Something that is done to tasks in all states. */
export interface Operation {
  readonly name: string;
  run(session: ModelSession, subjects: readonly Subject[]): Promise<unknown>;
}

/** In each mode, a task now and one for later. */
function creations(onConflict: OnConflict): Operation[] {
  const task = (session: ModelSession, slug: string, minutes: number) =>
    newTask(slug, {
      onConflict,
      payload: new Uint8Array([99]),
      trigger: "new",
      key: "new",
      due: { at: minute(session.minutes + minutes) },
    });
  const oneByOne = (name: string, minutes: number): Operation => ({
    name: `create ${onConflict} ${name}`,
    async run(session, subjects) {
      for (const { slug } of subjects) {
        await session.create([task(session, slug, minutes)]);
      }
    },
  });
  return [oneByOne("now", -2), oneByOne("later", 20), {
    name: `create ${onConflict} in one call`,
    run: (session, subjects) =>
      session.create(subjects.map(({ slug }) => task(session, slug, 5))),
  }];
}

/** Ends all runs in one call. */
function settlements(
  name: string,
  nextOf: (session: ModelSession, index: number) =>
    | Partial<NextState>
    | undefined,
): Operation {
  return {
    name: `reschedule: ${name}`,
    run: (session, subjects) =>
      session.reschedule(subjects.map(({ claim }, index) => {
        const next = nextOf(session, index);
        return { ...claim, next: next && stateOf(session, next) };
      })),
  };
}

const later = (session: ModelSession) => minute(session.minutes + 15);

const FORMS: readonly ((
  session: ModelSession,
) => Partial<NextState> | undefined)[] = [
  () => undefined,
  (session) => ({ when: later(session), scheduledFor: later(session) }),
  (session) => ({ when: later(session), retry: 4, crashes: 1 }),
  () => ({ status: "failed", retry: 5, keepMs: Infinity }),
  () => ({ status: "done", lastError: null, payload: new Uint8Array([7]) }),
];

/** All that can be done to a task. */
export const OPERATIONS: readonly Operation[] = [
  ...creations("error"),
  ...creations("keep"),
  ...creations("replace"),
  ...creations("rerun"),
  {
    name: "lock",
    run: (session) => lockAll(session, LONG_MS),
  },
  {
    name: "lock two",
    run: (session) => session.lock(lockRequest({ limit: 2, leaseMs: LONG_MS })),
  },
  {
    name: "renew",
    run: (session, subjects) =>
      session.renew(subjects.map(({ claim }) => claim), LONG_MS),
  },
  {
    name: "renew with another token",
    run: (session, subjects) =>
      session.renew(
        subjects.map(({ claim }) => ({ ...claim, token: claim.token - 1 })),
        LONG_MS,
      ),
  },
  settlements("removed", FORMS[0]),
  settlements("a later fire", FORMS[1]),
  settlements("a retry", FORMS[2]),
  settlements("handed back", () => ({
    lastRun: undefined,
    lastError: undefined,
  })),
  settlements("failed", FORMS[3]),
  settlements("cancelled", () => ({ status: "cancelled" })),
  settlements("done, and kept", FORMS[4]),
  settlements("done, and not kept", () => ({ status: "done", keepMs: 0 })),
  settlements(
    "each in another way",
    (session, index) => FORMS[index % FORMS.length](session),
  ),
  {
    name: "delete",
    async run(session, subjects) {
      for (const { slug } of subjects) await session.delete(slug);
    },
  },
  { name: "clear", run: (session) => session.clear() },
];
