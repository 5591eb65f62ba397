import * as fc from "fast-check";
import type { Claim, NextState, OnConflict } from "../../src/api/job_store.ts";
import {
  lockRequest,
  newTask,
  newToken,
  type StoreHarness,
} from "../conformance/store_harness.ts";
import { HALF, MINUTE, minute, ModelSession } from "./model_session.ts";

const SLUGS = ["a", "b", "c", "d", "e"];
const KINDS = ["x", "y", "z"];
const INSTANCES = ["i", "j"];

/** What a history does: on the session, with the claims that it was given. */
interface Real {
  readonly session: ModelSession;
  /** Every claim that was ever given. */
  readonly claims: Claim[];
}

// The session has the model, so fast-check needs none.
type Command = fc.AsyncCommand<Record<never, never>, Real>;

function command(
  name: string,
  run: (real: Real) => Promise<unknown>,
  agree: "agree" | "agreeOnInstances" | "later" = "agree",
): Command {
  return {
    check: () => true,
    toString: () => name,
    async run(_model, real) {
      await run(real);
      if (agree !== "later") await real.session[agree]();
    },
  };
}

interface Creation {
  readonly slug: string;
  readonly kind: string;
  readonly onConflict: OnConflict;
  /** From the minute at which the model is. */
  readonly minutes: number;
  readonly asDelay: boolean;
  readonly bytes: number;
  readonly priority: number | undefined;
  readonly rest: "plain" | "rich";
}

function create(store: number, creations: readonly Creation[]): Command {
  const name = creations.map(({ slug, kind, onConflict, minutes, priority }) =>
    `${onConflict} ${slug} ${kind}${priority ?? ""} in ${minutes} min`
  );
  return command(`create ${name.join(", ")}`, ({ session }) => {
    const tasks = creations.map((creation) => {
      const { slug, kind, onConflict, minutes, bytes, priority } = creation;
      return newTask(slug, {
        kind,
        onConflict,
        priority,
        payload: new Uint8Array(bytes).fill(minutes + 10),
        due: creation.asDelay
          ? { inMs: Math.abs(minutes) * MINUTE + HALF }
          : { at: minute(session.minutes + minutes) },
        ...creation.rest === "rich" && {
          trigger: `t${minutes}`,
          key: `k${bytes}`,
          keepMs: bytes * MINUTE,
          declared: { owner: "o", hash: `${minutes}` },
        },
      });
    });
    return session.create(tasks, store);
  });
}

interface Locking {
  readonly kinds: readonly { kind: string; limit: number | undefined }[];
  readonly limit: number;
  readonly maxBytes: number;
  readonly leaseMinutes: number;
}

function lock(store: number, locking: Locking): Command {
  const { kinds, limit, maxBytes, leaseMinutes } = locking;
  const asked = kinds.map(({ kind, limit }) => `${kind}${limit ?? ""}`);
  const name = `lock ${limit} of ${asked} for ${leaseMinutes} min, ` +
    `${maxBytes} bytes`;
  return command(name, async ({ session, claims }) => {
    const request = lockRequest({
      kinds,
      limit,
      maxBytes,
      leaseMs: leaseMinutes * MINUTE + HALF,
      holder: `holder ${store}`,
    });
    for (const { slug, version } of await session.lock(request, store)) {
      claims.push({ slug, version, token: request.token });
    }
  });
}

/** One of the claims, the newer ones first, and what is wrong with it. */
interface Pick {
  readonly index: number;
  readonly wrong: "nothing" | "token" | "version";
}

/** Claims, old and new ones: many are stale, and some have a wrong fence. */
function pickClaims(claims: readonly Claim[], picks: readonly Pick[]): Claim[] {
  const picked = picks.map(({ index, wrong }) => {
    const claim = claims.at(-1 - index) ??
      { slug: "a", version: 1, token: newToken() };
    if (wrong === "nothing") return claim;
    return { ...claim, [wrong]: claim[wrong] - 1 };
  });
  const known = new Set<string>();
  return picked.filter((claim) => {
    const name = JSON.stringify(claim);
    return !known.has(name) && known.add(name);
  });
}

function named(picks: readonly Pick[]): string {
  return picks.map(({ index, wrong }) =>
    wrong === "nothing" ? index : `${index} (wrong ${wrong})`
  ).join();
}

function renew(store: number, picks: readonly Pick[]): Command {
  return command(
    `renew ${named(picks)}`,
    ({ session, claims }) =>
      session.renew(pickClaims(claims, picks), 5 * MINUTE + HALF, store),
  );
}

interface End {
  readonly end: "removed" | NextState["status"];
  readonly minutes: number;
  readonly bytes: number | undefined;
  readonly keepMinutes: number;
  readonly error: "keep" | "set" | "clear";
}

function reschedule(
  store: number,
  picks: readonly Pick[],
  ends: readonly End[],
): Command {
  const name = ends.map((one) =>
    `${one.end} ${one.minutes} min, keep ${one.keepMinutes}, ${one.error}`
  );
  return command(
    `reschedule ${named(picks)} as ${name.join("; ")}`,
    ({ session, claims }) =>
      session.reschedule(
        pickClaims(claims, picks).map((claim, index) => ({
          ...claim,
          next: nextState(session.minutes, ends[index % ends.length]),
        })),
        store,
      ),
  );
}

function nextState(now: number, one: End): NextState | undefined {
  const { end, minutes, bytes, keepMinutes, error } = one;
  if (end === "removed") return undefined;
  const at = new Date("2026-01-01T00:00:00Z");
  return {
    status: end,
    when: minute(now + minutes),
    scheduledFor: minute(now + minutes - 1),
    retry: minutes + 3,
    crashes: keepMinutes,
    result: `${end} ${minutes}`,
    payload: bytes === undefined ? undefined : new Uint8Array(bytes).fill(7),
    lastRun: error === "keep"
      ? undefined
      : { startedAt: at, endedAt: at, outcome: "failed" },
    lastError: error === "keep"
      ? undefined
      : error === "clear"
      ? null
      : { name: "Error", message: `m${minutes}`, stack: "", at },
    keepMs: keepMinutes === 0 ? Infinity : keepMinutes * MINUTE - HALF,
  };
}

function notice(store: number, id: string, minutes: number): Command {
  return command(
    `notice ${id} for ${minutes} min`,
    ({ session }) =>
      session.notice({
        id,
        name: `name ${minutes}`,
        kinds: KINDS.slice(minutes),
        slots: minutes,
        library: "1",
        app: undefined,
        startedAt: new Date("2026-01-01T00:00:00Z"),
        stopping: minutes === 1,
        timeoutMs: minutes * MINUTE + HALF,
      }, store),
    "agreeOnInstances",
  );
}

function commands(size: number) {
  const slug = fc.constantFrom(...SLUGS);
  const store = fc.nat(1);
  const creation: fc.Arbitrary<Creation> = fc.record({
    slug,
    kind: fc.constantFrom(...KINDS),
    onConflict: fc.constantFrom("error", "keep", "replace", "rerun", "rerun"),
    minutes: fc.integer({ min: -4, max: 6 }),
    asDelay: fc.boolean(),
    bytes: fc.nat(3),
    priority: fc.constantFrom(undefined, 1, 2, 4),
    rest: fc.constantFrom("plain", "rich"),
  });
  const locking: fc.Arbitrary<Locking> = fc.record({
    kinds: fc.shuffledSubarray([...KINDS, "x"].map((kind) => ({ kind })))
      .chain((kinds) =>
        fc.constantFrom(undefined, undefined, 1, 2).map((limit) =>
          kinds.map(({ kind }) => ({ kind, limit }))
        )
      ),
    limit: fc.integer({ min: 1, max: 5 }),
    maxBytes: fc.constantFrom(1, 4, 1_000, 1_000),
    leaseMinutes: fc.nat(4),
  });
  const picks = fc.array(
    fc.record({
      index: fc.nat(4),
      wrong: fc.constantFrom(
        "nothing",
        "nothing",
        "nothing",
        "token",
        "version",
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const end: fc.Arbitrary<End> = fc.record({
    end: fc.constantFrom(
      "removed",
      "scheduled",
      "scheduled",
      "failed",
      "cancelled",
      "done",
    ),
    minutes: fc.integer({ min: -3, max: 6 }),
    bytes: fc.option(fc.nat(3), { nil: undefined }),
    keepMinutes: fc.nat(3),
    error: fc.constantFrom("keep", "set", "clear"),
  });
  const ends = fc.array(end, { minLength: 1, maxLength: 4 });
  return fc.commands([
    fc.tuple(
      store,
      fc.uniqueArray(creation, {
        minLength: 1,
        maxLength: 4,
        selector: ({ slug }) => slug,
      }),
    ).map((args) => create(...args)),
    fc.tuple(store, locking).map((args) => lock(...args)),
    fc.tuple(store, picks).map((args) => renew(...args)),
    fc.tuple(store, picks, ends).map((args) => reschedule(...args)),
    fc.tuple(store, picks, ends).map((args) => reschedule(...args)),
    slug.map((slug) =>
      command(`delete ${slug}`, ({ session }) => session.delete(slug))
    ),
    fc.constant(command("clear", ({ session }) => session.clear())),
    fc.integer({ min: 1, max: 6 }).map((minutes) =>
      command(
        `elapse ${minutes} min`,
        ({ session }) => session.elapse(minutes),
        "later",
      )
    ),
    fc.tuple(store, fc.constantFrom(...INSTANCES), fc.nat(3))
      .map((args) => notice(...args)),
    fc.constantFrom(...INSTANCES).map((id) =>
      command(
        `remove instance ${id}`,
        ({ session }) => session.removeInstance(id),
        "agreeOnInstances",
      )
    ),
  ], { maxCommands: size, size: "max" });
}

/** How hard to look. */
export interface StoreModelOptions {
  /** How many histories to try. */
  readonly runs: number;
  /** How many operations each has at most. */
  readonly commands: number;
  /**
   * Repeats the histories of a run that has failed.
   *
   * @default a random one
   */
  readonly seed?: number;
}

/**
 * Does the same random operations on a store and on a naive model, and fails at
 * the shortest history after which the two differ.
 */
export async function checkStoreModel(
  open: () => Promise<StoreHarness>,
  options: StoreModelOptions,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(commands(options.commands), async (history) => {
      await using harness = await open();
      const session = await ModelSession.open(harness);
      await fc.asyncModelRun(
        () => ({ model: {}, real: { session, claims: [] } }),
        history,
      );
    }),
    { numRuns: options.runs, seed: options.seed },
  );
}
