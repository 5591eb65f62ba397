import type {
  Claim,
  Settlement,
  StoreChange,
} from "../../src/api/job_store.ts";
import type { TaskRecord } from "../../src/api/task.ts";
import type {
  FirestoreDocument,
  FirestoreFields,
  FirestoreTimestamp,
} from "./client.ts";
import { claimFields, settledFields, toRecord, versionOf } from "./document.ts";
import type { FirestoreRequests } from "./requests.ts";

/** What is known of a claim of this process. */
interface Held {
  readonly kind: string;
  readonly version: number;
  readonly leaseEnd: number;
  /** When the document was changed last. */
  readonly updateTime: FirestoreTimestamp;
}

/** A task about to be claimed, as it was read. */
interface Candidate {
  readonly document: FirestoreDocument;
  readonly fields: ReturnType<typeof claimFields>;
}

/** A change of a claimed task that has not taken effect yet. */
interface Pending {
  readonly index: number;
  readonly claim: Claim;
  readonly fields: FirestoreFields | undefined;
  /** `undefined`: has to be looked up. */
  readonly updateTime: FirestoreTimestamp | undefined;
  /** Whether it may have taken effect without a word. */
  readonly open: boolean;
}

/** How often a change is tried while others change the same document. */
const MAX_ATTEMPTS = 6;
/** What was neither renewed nor settled so long after its lease was lost. */
const FORGET_AFTER_MS = 600_000;

/**
 * Takes, renews and settles claims. Each is a compare-and-set on the time of the
 * document's last change. That of a claim is remembered, so that it need not be
 * read again.
 */
export class FirestoreClaims {
  readonly #requests: FirestoreRequests;
  readonly #held = new Map<string, Held>();
  #sweepAtSize = 1_000;

  constructor(requests: FirestoreRequests) {
    this.#requests = requests;
  }

  /** Claims tasks as they were read. @returns Those that nobody else took. */
  async take(
    documents: readonly FirestoreDocument[],
    leaseMs: number,
  ): Promise<TaskRecord[]> {
    this.#sweep();
    const leaseEnd = this.#requests.clock.now() + leaseMs;
    const candidates = documents.map((document): Candidate => ({
      document,
      fields: claimFields(document, leaseEnd),
    }));
    const taken: TaskRecord[] = [];
    const lost: Candidate[] = [];
    const errors: unknown[] = [];
    let pending = candidates;
    for (let attempt = 1; pending.length > 0; attempt++) {
      const outcomes = await this.#requests.write(
        pending.map(({ document, fields }) => ({
          ref: document.ref,
          fields,
          updateTime: document.updateTime!,
        })),
      );
      const open: Candidate[] = [];
      pending.forEach((candidate, index) => {
        const outcome = outcomes[index];
        if (outcome.type === "done") {
          taken.push(this.#hold(candidate, outcome.updateTime));
        } else if (outcome.type === "lost") lost.push(candidate);
        else if (outcome.type === "failed" || attempt === MAX_ATTEMPTS) {
          errors.push(outcome.error);
        } else open.push(candidate);
      });
      pending = open;
    }
    try {
      taken.push(...await this.#recognise(lost));
    } catch (error) {
      errors.push(error);
    }
    if (taken.length === 0 && errors.length > 0) throw errors[0];
    return taken;
  }

  /** Makes leases last. @returns For each claim whether it holds. */
  renew(claims: readonly Claim[], leaseMs: number): Promise<boolean[]> {
    const leaseEnd = this.#requests.clock.now() + leaseMs;
    const fields = { claimableAt: new Date(leaseEnd) };
    return this.#change(claims, () => fields, ({ slug }, updateTime) => {
      const held = this.#held.get(slug);
      if (held !== undefined) {
        this.#held.set(slug, { ...held, leaseEnd, updateTime });
      }
    });
  }

  /** Ends claims. @returns For each settlement whether it took effect. */
  settle(settlements: readonly Settlement[]): Promise<boolean[]> {
    const announcement = {
      announcedAt: new Date(this.#requests.clock.now()),
      announcedBy: this.#requests.author,
    };
    return this.#change(
      settlements,
      (settlement) =>
        settlement.next && settledFields(
          settlement.next,
          this.changeBy(settlement) && announcement,
        ),
      (claim) => this.#forget(claim),
    );
  }

  /** What there is to tell if a settlement takes effect. */
  changeBy({ slug, version, next }: Settlement): StoreChange | undefined {
    if (next?.status !== "scheduled") return undefined;
    const held = this.#heldBy({ slug, version });
    if (held !== undefined && next.when.getTime() >= held.leaseEnd) {
      return undefined;
    }
    return { when: new Date(next.when), kinds: held && [held.kind] };
  }

  #heldBy({ slug, version }: Claim): Held | undefined {
    const held = this.#held.get(slug);
    return held?.version === version ? held : undefined;
  }

  #hold(
    { document, fields }: Candidate,
    updateTime: FirestoreTimestamp,
  ): TaskRecord {
    const task: TaskRecord = {
      ...toRecord(document),
      status: "running",
      version: fields.version,
      leaseEnd: fields.claimableAt,
    };
    this.#held.set(task.slug, {
      kind: task.kind,
      version: task.version,
      leaseEnd: fields.claimableAt.getTime(),
      updateTime,
    });
    return task;
  }

  #forget(claim: Claim): void {
    if (this.#heldBy(claim) !== undefined) this.#held.delete(claim.slug);
  }

  /** Tells by the token which claims were lost to themselves, sent twice. */
  async #recognise(lost: readonly Candidate[]): Promise<TaskRecord[]> {
    const documents = await this.#requests.getAll(
      lost.map(({ document }) => document.ref),
    );
    return lost.flatMap((candidate, index) => {
      const { updateTime } = documents[index];
      return documents[index].data()?.token === candidate.fields.token
        ? [this.#hold(candidate, updateTime!)]
        : [];
    });
  }

  async #change<C extends Claim>(
    claims: readonly C[],
    toFields: (claim: C) => FirestoreFields | undefined,
    onDone: (claim: Claim, updateTime: FirestoreTimestamp) => void,
  ): Promise<boolean[]> {
    const effects = claims.map(() => false);
    let pending = claims.map((claim, index): Pending => ({
      index,
      claim,
      fields: toFields(claim),
      updateTime: this.#heldBy(claim)?.updateTime,
      open: false,
    }));
    for (let attempt = 1;; attempt++) {
      pending = await this.#lookUp(pending, effects);
      const outcomes = await this.#requests.write(
        pending.map(({ claim, fields, updateTime }) => ({
          ref: this.#requests.ref(claim.slug),
          fields,
          updateTime: updateTime!,
        })),
      );
      const errors: Error[] = [];
      pending.forEach(({ index, claim }, nth) => {
        const outcome = outcomes[nth];
        if (outcome.type === "done") {
          effects[index] = true;
          onDone(claim, outcome.updateTime);
        } else if (outcome.type === "failed" || attempt === MAX_ATTEMPTS) {
          errors.push(outcome.error);
        }
      });
      if (errors.length > 0) throw errors[0];
      pending = pending.flatMap((one, nth) => {
        const { type } = outcomes[nth];
        return type === "done"
          ? []
          : [{ ...one, updateTime: undefined, open: type === "open" }];
      });
      if (pending.length === 0) return effects;
    }
  }

  /** Finds out for which claims to go on; notes the effect of the others. */
  async #lookUp(
    pending: readonly Pending[],
    effects: boolean[],
  ): Promise<Pending[]> {
    const unknown = pending.filter((one) => one.updateTime === undefined);
    const documents = await this.#requests.getAll(
      unknown.map(({ claim }) => this.#requests.ref(claim.slug)),
    );
    const found = new Map(unknown.map((one, nth) => [one, documents[nth]]));
    return pending.flatMap((one) => {
      const document = found.get(one);
      if (document === undefined) return [one];
      if (isHeld(document, one.claim)) {
        return [{ ...one, updateTime: document.updateTime }];
      }
      effects[one.index] = hasTakenEffect(one, document);
      this.#forget(one.claim);
      return [];
    });
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

function isHeld(document: FirestoreDocument, { version }: Claim): boolean {
  return document.data()?.status === "running" &&
    versionOf(document) === version;
}

/** Whether a change took place although its answer did not say so. */
function hasTakenEffect(
  { fields, open }: Pending,
  document: FirestoreDocument,
): boolean {
  if (fields === undefined) return open && !document.exists;
  return fields.token !== undefined && fields.token === document.data()?.token;
}
