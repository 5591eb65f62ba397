import type { StoreHarness } from "../conformance/store_harness.ts";
import { ModelSession } from "../helpers/model_session.ts";
import { type Operation, OPERATIONS } from "./operations.ts";
import { lockAll, LONG_MS, setUp, type Subject } from "./states.ts";

/** What goes wrong with an operation. */
interface Crash {
  readonly name: string;
  run(
    session: ModelSession,
    subjects: readonly Subject[],
    operation: Operation,
  ): Promise<unknown>;
}

const CRASHES: readonly Crash[] = [
  {
    name: "the answer is lost, and the call is sent again",
    async run(session, subjects, operation) {
      await operation.run(session, subjects);
      await session.agree();
      await operation.run(session, subjects);
    },
  },
  {
    name: "the holder never comes back",
    async run(session, subjects, operation) {
      await operation.run(session, subjects);
      await session.agree();
      await session.elapse(61);
      await lockAll(session, LONG_MS, 1);
    },
  },
  {
    name: "the call comes when others have taken over",
    async run(session, subjects, operation) {
      await session.elapse(61);
      await lockAll(session, LONG_MS, 1);
      await session.agree();
      await operation.run(session, subjects);
    },
  },
];

/** How much to try. */
export interface InterleavingOptions {
  /**
   * Tries each so-and-so-many-th interleaving only.
   *
   * @default 1
   */
  readonly every?: number;
  /**
   * After each operation each other one, in place of a crash.
   *
   * @default false
   */
  readonly pairs?: boolean;
}

/** One thing to try, in all states at once. */
interface Interleaving {
  readonly name: string;
  run(session: ModelSession, subjects: readonly Subject[]): Promise<void>;
}

/**
 * Does each operation to tasks in every state, with a crash in between, on a
 * store and on a model, and fails where the two differ.
 */
export async function checkInterleavings(
  open: () => Promise<StoreHarness>,
  { every = 1, pairs = false }: InterleavingOptions = {},
): Promise<void> {
  const harness = await open();
  try {
    const all = pairs ? pairsOfOperations() : crashedOperations();
    for (const [index, one] of all.entries()) {
      if (index % every === 0) await check(one, harness);
    }
  } finally {
    await harness[Symbol.asyncDispose]();
  }
}

function crashedOperations(): Interleaving[] {
  return CRASHES.flatMap((crash) =>
    OPERATIONS.map((operation) => ({
      name: `${operation.name}, ${crash.name}`,
      run: async (session: ModelSession, subjects: readonly Subject[]) => {
        await crash.run(session, subjects, operation);
      },
    }))
  );
}

function pairsOfOperations(): Interleaving[] {
  return OPERATIONS.flatMap((first) =>
    OPERATIONS.map((second) => ({
      name: `${first.name}, then ${second.name}`,
      run: async (session: ModelSession, subjects: readonly Subject[]) => {
        await first.run(session, subjects);
        await session.agree();
        await second.run(session, subjects);
      },
    }))
  );
}

async function check(
  interleaving: Interleaving,
  harness: StoreHarness,
): Promise<void> {
  const session = await ModelSession.open(harness);
  try {
    await interleaving.run(session, await setUp(session));
    await session.agree();
    await playOut(session);
  } catch (cause) {
    throw new Error(`${interleaving.name}: ${(cause as Error).message}`, {
      cause,
    });
  }
  await session.clear();
}

/** Lets every lease end, runs all there is, and sees that nothing is left. */
async function playOut(session: ModelSession): Promise<void> {
  for (let rounds = 0; rounds < 2; rounds++) {
    await session.elapse(62);
    const claims = await lockAll(session, LONG_MS, 1);
    await session.agree();
    await session.reschedule(
      [...claims.values()].map((claim) => ({ ...claim, next: undefined })),
    );
  }
  await session.agree();
}
