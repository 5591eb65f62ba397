import type {
  Claim,
  LockRequest,
  Renewal,
  Settlement,
  SettleOutcome,
  StoreChange,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import type {
  FirestoreDocument,
  FirestoreFields,
  FirestoreTimestamp,
} from "./client.ts";
import { claimFields, toRecord, UNANNOUNCED, versionOf } from "./document.ts";
import { type FirestoreRequests, isSuspect } from "./requests.ts";
import {
  dueAfter,
  type Marks,
  marksOf,
  settledFields,
  withheldFields,
} from "./settlement.ts";

/** What is known of a claim of this process. */
interface Held {
  readonly version: number;
  readonly token: number;
  readonly leaseEnd: number;
  readonly marks: Marks;
  /** When the document was changed last. */
  readonly updateTime: FirestoreTimestamp;
  /** Names a settlement that may have taken effect without a word. */
  readonly openSettlement?: number;
}

/** A task about to be claimed, as it was read. */
interface Candidate {
  readonly index: number;
  readonly document: FirestoreDocument;
  /** What changes; the task is claimed if that has a version. */
  readonly fields: FirestoreFields;
}

/** A change of a claimed task that has not taken effect yet. */
interface Pending<C extends Claim> {
  readonly index: number;
  readonly claim: C;
  /** `undefined`: has to be looked up. */
  readonly held: Held | undefined;
  /** Names the settlement, so that one sent twice is recognised. */
  readonly settlement: number;
  /** As it was before the last attempt. */
  readonly last?: Held;
  /** Whether the last attempt may have taken effect without a word. */
  readonly isOpen: boolean;
}

/** What became of a change. */
type Effect =
  | { readonly type: "done"; readonly held: Held }
  | { readonly type: "lost" }
  | { readonly type: "busy" }
  | { readonly type: "refused"; readonly error: Error }
  | {
    readonly type: "failed";
    readonly error: Error;
    /** Whether what was to be written may be at fault. */
    readonly mayBeAtFault: boolean;
  };

/** How often a change is tried while others change the same document. */
const MAX_ATTEMPTS = 6;
/** What was neither renewed nor settled so long after its lease was lost. */
const FORGET_AFTER_MS = 600_000;

/**
 * Takes, renews and settles claims. Each is a compare-and-set on the time of the
 * document's last change. That of a claim is remembered, and what the document
 * says besides, so that it need not be read again.
 */
export class FirestoreClaims {
  readonly #requests: FirestoreRequests;
  readonly #held = new Map<string, Held>();
  #sweepAtSize = 1_000;

  constructor(requests: FirestoreRequests) {
    this.#requests = requests;
  }

  /**
   * Claims tasks as they were read, but for those that must not run again.
   *
   * @returns Those that nobody else took, in order, and whether somebody did.
   */
  async take(
    documents: readonly FirestoreDocument[],
    request: LockRequest,
  ): Promise<{ taken: TaskRecord[]; contended: boolean }> {
    this.#sweep();
    const now = this.#requests.clock.now();
    const taken = new Map<number, TaskRecord>();
    const lost: Candidate[] = [];
    const errors: unknown[] = [];
    let pending = documents.map((document, index): Candidate => ({
      index,
      document,
      fields: withheldFields(document) ?? claimFields(document, request, now),
    }));
    for (let attempt = 1; pending.length > 0; attempt++) {
      const outcomes = await this.#requests.write(
        pending.map(({ document, fields }) => ({
          ref: document.ref,
          fields,
          updateTime: document.updateTime!,
        })),
      );
      const open: Candidate[] = [];
      pending.forEach((candidate, nth) => {
        const outcome = outcomes[nth];
        if (outcome.type === "done") {
          this.#hold(candidate, outcome.updateTime, taken);
        } else if (outcome.type === "lost" || outcome.type === "busy") {
          lost.push(candidate);
        } else if (outcome.type === "open" && attempt < MAX_ATTEMPTS) {
          open.push(candidate);
        } else errors.push(outcome.error);
      });
      pending = open;
    }
    try {
      await this.#recognise(lost, taken);
    } catch (error) {
      errors.push(error);
    }
    if (taken.size === 0 && errors.length > 0) throw errors[0];
    return {
      taken: [...taken].sort(([a], [b]) => a - b).map(([, task]) => task),
      contended: lost.some(({ index, fields }) =>
        !taken.has(index) && fields.version !== undefined
      ),
    };
  }

  /** Makes leases last. @returns For each claim whether it holds. */
  async renew(claims: readonly Claim[], leaseMs: number): Promise<Renewal[]> {
    const leaseEnd = this.#requests.clock.now() + leaseMs;
    const fields = { claimableAt: new Date(leaseEnd) };
    const effects = await this.#change(claims, false, () => fields);
    return effects.map((effect, index): Renewal => {
      if (effect.type === "lost") return "lost";
      if (effect.type !== "done") return "busy";
      const { held } = effect;
      if (this.#heldBy(claims[index]) !== undefined) {
        this.#held.set(claims[index].slug, { ...held, leaseEnd });
      }
      return held.marks.isCancelled ? "cancelled" : "held";
    });
  }

  /**
   * Ends claims.
   *
   * @returns For each settlement what became of it, and what there is to tell.
   */
  async settle(
    settlements: readonly Settlement[],
  ): Promise<{ outcomes: SettleOutcome[]; changes: StoreChange[] }> {
    const now = this.#requests.clock.now();
    const announcement = {
      announcedAt: new Date(now),
      announcedBy: this.#requests.author,
    };
    const effects = await this.#change(
      settlements,
      true,
      ({ next }, held, settlement) => {
        const isNews = changeBy(next, held) !== undefined;
        const told = isNews ? announcement : UNANNOUNCED;
        return settledFields(next, held.marks, now, settlement, told);
      },
    );
    const changes: StoreChange[] = [];
    const outcomes = effects.map((effect, index): SettleOutcome => {
      switch (effect.type) {
        case "done": {
          const change = changeBy(settlements[index].next, effect.held);
          if (change !== undefined) changes.push(change);
          this.#forget(settlements[index]);
          return "settled";
        }
        case "lost":
          this.#forget(settlements[index]);
          return "lost";
        case "busy":
        case "failed":
          return "busy";
        case "refused":
          return { error: effect.error };
      }
    });
    return { outcomes, changes };
  }

  #heldBy({ slug, version, token }: Claim): Held | undefined {
    const held = this.#held.get(slug);
    return held?.version === version && held.token === token ? held : undefined;
  }

  #hold(
    { index, document, fields }: Candidate,
    updateTime: FirestoreTimestamp,
    taken: Map<number, TaskRecord>,
  ): void {
    if (fields.version === undefined) return;
    const { version, token, claimableAt: leaseEnd } = fields;
    const record = toRecord(document);
    const { crashes = record.crashes } = fields;
    taken.set(index, {
      ...record,
      status: "running",
      version,
      token,
      crashes,
      leaseEnd,
    });
    const { present, ...marks } = marksOf(document);
    this.#held.set(record.slug, {
      version,
      token,
      leaseEnd: leaseEnd.getTime(),
      marks: {
        ...marks,
        isEdited: false,
        isCancelled: false,
        present: crashes > 0 ? new Set([...present, "crashes"]) : present,
      },
      updateTime,
    });
  }

  #forget(claim: Claim): void {
    if (this.#heldBy(claim) !== undefined) this.#held.delete(claim.slug);
  }

  /** Tells by the token which claims were lost to themselves, sent twice. */
  async #recognise(
    lost: readonly Candidate[],
    taken: Map<number, TaskRecord>,
  ): Promise<void> {
    const claims = lost.filter(({ fields }) => fields.version !== undefined);
    const documents = await this.#requests.getAll(
      claims.map(({ document }) => document.ref),
    );
    claims.forEach((candidate, nth) => {
      const { version, token } = candidate.fields;
      if (isHeld(documents[nth], { version, token })) {
        this.#hold(candidate, documents[nth].updateTime!, taken);
      }
    });
  }

  /** Rejects only if nothing is known of any of the claims. */
  async #change<C extends Claim>(
    claims: readonly C[],
    isEnd: boolean,
    toFields: (
      claim: C,
      held: Held,
      settlement: number,
    ) => FirestoreFields | undefined,
  ): Promise<Effect[]> {
    const effects: Effect[] = [];
    let pending = claims.map((claim, index): Pending<C> => {
      const held = this.#heldBy(claim);
      const open = isEnd ? held?.openSettlement : undefined;
      return open === undefined
        ? { index, claim, held, settlement: randomMark(), isOpen: false }
        : { index, claim, held: undefined, settlement: open, isOpen: true };
    });
    for (let attempt = 1; pending.length > 0; attempt++) {
      const ready = await this.#lookUp(pending, isEnd, effects);
      const fields = ready.map(({ claim, held, settlement }) =>
        toFields(claim, held, settlement)
      );
      const outcomes = await this.#requests.write(
        ready.map(({ claim, held }, nth) => ({
          ref: this.#requests.ref(claim.slug),
          fields: fields[nth],
          updateTime: held.updateTime,
        })),
      );
      pending = [];
      ready.forEach(({ index, claim, held, settlement }, nth) => {
        const outcome = outcomes[nth];
        const { type } = outcome;
        if (type === "done") {
          const { updateTime } = outcome;
          effects[index] = { type, held: { ...held, updateTime } };
        } else if (type === "busy") effects[index] = { type };
        else if (type === "refused") effects[index] = outcome;
        else if (type === "failed" || attempt === MAX_ATTEMPTS) {
          if (isEnd) this.#doubt(claim, settlement);
          const { error } = outcome;
          const mayBeAtFault = isSuspect(outcome);
          effects[index] = { type: "failed", error, mayBeAtFault };
        } else {
          const isOpen = type === "open";
          pending.push({
            index,
            claim,
            held: undefined,
            settlement,
            last: held,
            isOpen,
          });
        }
      });
    }
    return judge(effects);
  }

  /** The next settlement looks whether this one has taken effect after all. */
  #doubt(claim: Claim, openSettlement: number): void {
    const held = this.#heldBy(claim);
    if (held !== undefined) {
      this.#held.set(claim.slug, { ...held, openSettlement });
    }
  }

  /** Finds out for which claims to go on; notes the effect of the others. */
  async #lookUp<C extends Claim>(
    pending: readonly Pending<C>[],
    isEnd: boolean,
    effects: Effect[],
  ): Promise<(Pending<C> & { readonly held: Held })[]> {
    const unknown = pending.filter(({ held }) => held === undefined);
    const documents = await this.#requests.getAll(
      unknown.map(({ claim }) => this.#requests.ref(claim.slug)),
    );
    const found = new Map(unknown.map((one, nth) => [one, documents[nth]]));
    return pending.flatMap((one) => {
      const { held, claim, index } = one;
      if (held !== undefined) return [{ ...one, held }];
      const document = found.get(one)!;
      const before = this.#heldBy(claim) ?? one.last;
      if (isHeld(document, claim)) {
        return [{ ...one, held: this.#refresh(claim, document, before) }];
      }
      effects[index] = isEnd && before !== undefined &&
          hasTakenEffect(document, one)
        ? { type: "done", held: before }
        : { type: "lost" };
      return [];
    });
  }

  /** What is known of a claim now that its document was read. */
  #refresh(
    claim: Claim,
    document: FirestoreDocument,
    before: Held | undefined,
  ): Held {
    const { slug, version, token } = claim;
    const held: Held = {
      version,
      token,
      leaseEnd: before?.leaseEnd ?? -Infinity,
      marks: marksOf(document),
      updateTime: document.updateTime!,
    };
    if (this.#heldBy(claim) !== undefined) this.#held.set(slug, held);
    return held;
  }

  /** Claims that were lost without a word must not pile up. */
  #sweep(): void {
    if (this.#held.size < this.#sweepAtSize) return;
    const lostBefore = this.#requests.clock.now() - FORGET_AFTER_MS;
    for (const [slug, { leaseEnd }] of this.#held) {
      if (leaseEnd < lostBefore) this.#held.delete(slug);
    }
    this.#sweepAtSize = 2 * Math.max(this.#held.size, 500);
  }
}

/**
 * Throws if nothing got through. If others did, then one that may be at fault
 * is.
 */
function judge(effects: readonly Effect[]): Effect[] {
  const [first] = effects;
  if (first?.type === "failed") {
    const nothingGotThrough = effects.every(({ type }) => type === "failed");
    if (nothingGotThrough) throw first.error;
  }
  return effects.map((effect) =>
    effect.type === "failed" && effect.mayBeAtFault
      ? { type: "refused", error: effect.error }
      : effect
  );
}

/** What there is to tell if a claim ends so. */
function changeBy(
  next: Settlement["next"],
  { marks, leaseEnd }: Held,
): StoreChange | undefined {
  const when = dueAfter(next, marks);
  if (when === undefined || marks.isGated) return undefined;
  // A lease that this process knows nothing of may end whenever.
  if (leaseEnd !== -Infinity && when.getTime() >= leaseEnd) return undefined;
  return { when: new Date(when), kinds: [marks.kind] };
}

function isHeld(
  document: FirestoreDocument,
  { version, token }: Pick<Claim, "version" | "token">,
): boolean {
  const fields = document.data();
  return fields?.status === "running" && versionOf(document) === version &&
    Number(fields.token) === token;
}

/** Whether a settlement took place although its answer did not say so. */
function hasTakenEffect(
  document: FirestoreDocument,
  { settlement, isOpen }: Pending<Claim>,
): boolean {
  const fields = document.data();
  return fields === undefined
    ? isOpen
    : Number(fields.settlement) === settlement;
}

function randomMark(): number {
  return Math.floor(Math.random() * Number.MAX_SAFE_INTEGER) + 1;
}
