import type {
  CreateOutcome,
  NewTask,
  OnConflict,
  StoreChange,
} from "../../src/api/job_store.ts";
import { copyBytes } from "../../src/core/bytes.ts";
import type {
  FirestoreBatch,
  FirestoreDocument,
  FirestoreFields,
  FirestoreReference,
  FirestoreTimestamp,
  FirestoreTransaction,
} from "./client.ts";
import { newFields, sizeOf } from "./document.ts";
import { isBusy, isLost, isOpen, isTaken } from "./errors.ts";
import type { TaskFields } from "./fields.ts";
import { meet, type Meeting } from "./meeting.ts";
import type { FirestoreRequests } from "./requests.ts";
import type { FirestoreSchema } from "./schema.ts";

/** A document that is to be created. */
interface Draft {
  /** The place of its task in the call. */
  readonly index: number;
  readonly ref: FirestoreReference;
  readonly fields: TaskFields;
  readonly onConflict: OnConflict;
}

/** What became of tasks. */
export interface Creation {
  /** For each task, in order. */
  readonly outcomes: CreateOutcome[];
  /** What there is to tell. */
  readonly changes: readonly StoreChange[];
}

/** A draft, and what happens where its document is to be. */
interface Plan extends Meeting {
  readonly draft: Draft;
  /** The document that is there already. */
  readonly document: FirestoreDocument | undefined;
}

/** A document that was written. */
interface Written extends Plan {
  readonly updateTime: FirestoreTimestamp;
}

/** What became of a batch; `taken`: nothing was written. */
type Commit =
  | { readonly taken: readonly Plan[] }
  | { readonly taken: undefined; readonly plans: readonly (Plan | Written)[] };

/** So many writes fit into one batch. */
const MAX_BATCH_WRITES = 500;
/** Firestore takes requests of 10 MiB, its emulator of 4 MiB. */
const MAX_BATCH_BYTES = 3 * 1_024 * 1_024;
/** How often a batch is tried while others change the same slugs. */
const MAX_ATTEMPTS = 6;

/** Creates tasks, in atomic batches or in a transaction of the user. */
export class FirestoreCreator {
  readonly #requests: FirestoreRequests;
  readonly #schema: FirestoreSchema;
  readonly #shards: number;

  constructor(
    requests: FirestoreRequests,
    schema: FirestoreSchema,
    shards: number,
  ) {
    this.#requests = requests;
    this.#schema = schema;
    this.#shards = shards;
  }

  /** Creates tasks in as few batches as they fit into. */
  async create(tasks: readonly NewTask[]): Promise<Creation> {
    if (tasks.length === 0) return { outcomes: [], changes: [] };
    const drafts = await this.#draft(tasks, this.#requests.author);
    const batches = toBatches(drafts);
    if (batches.length > 1) {
      const cautious = drafts.filter(isCautious);
      const plans = this.#plan(cautious, await this.#read(cautious));
      const taken = plans.filter(isInTheWay);
      if (taken.length > 0) return refusal(drafts, taken);
    }
    const done: (Plan | Written)[] = [];
    for (const batch of batches) {
      const commit = await this.#createBatch(batch);
      if (commit.taken !== undefined) {
        await this.#takeBack(done);
        return refusal(drafts, commit.taken);
      }
      done.push(...commit.plans);
    }
    return success(drafts, done);
  }

  /** Creates tasks when the transaction commits. */
  async createWithin(
    transaction: FirestoreTransaction,
    tasks: readonly NewTask[],
  ): Promise<CreateOutcome[]> {
    if (tasks.length === 0) return [];
    const drafts = await this.#draft(tasks, null);
    const documents = await transaction.getAll(...drafts.map(({ ref }) => ref));
    const plans = this.#plan(drafts, documents);
    const taken = plans.filter(isInTheWay);
    if (taken.length > 0) return refusal(drafts, taken).outcomes;
    for (const { draft, document, fields } of plans) {
      if (fields === undefined) continue;
      const whole = { ...document?.data(), ...fields };
      transaction.set(draft.ref, withoutDefaults(whole));
    }
    return success(drafts, plans).outcomes;
  }

  async #draft(
    tasks: readonly NewTask[],
    announcedBy: string | null,
  ): Promise<Draft[]> {
    const copies = tasks.map((task) => ({
      ...task,
      payload: copyBytes(task.payload),
      due: "at" in task.due ? { at: new Date(task.due.at) } : task.due,
    }));
    const now = await this.#schema.now();
    const creation = crypto.randomUUID();
    return copies.map((task, index) => {
      const shard = Math.floor(Math.random() * this.#shards);
      return {
        index,
        ref: this.#requests.ref(task.slug),
        fields: newFields(task, { now, shard, announcedBy, creation }),
        onConflict: task.onConflict,
      };
    });
  }

  /** Creates the tasks of one batch, or none. Most slugs are not taken. */
  async #createBatch(batch: readonly Draft[]): Promise<Commit> {
    let plans = this.#plan(batch, []);
    for (let attempt = 1;; attempt++) {
      const taken = plans.filter(isInTheWay);
      if (taken.length > 0) return { taken };
      try {
        return { taken: undefined, plans: await this.#commit(plans) };
      } catch (error) {
        const { cause } = error as Error;
        if (!isOpen(cause)) throw error;
        const documents = await this.#read(batch);
        // The client sends a batch again when its answer got lost.
        const isOwn = documents.some((document, index) =>
          document.data()?.creation === batch[index].fields.creation
        );
        if (isOwn) {
          return { taken: undefined, plans: toWritten(plans, documents) };
        }
        const mayGoOn = isTaken(cause) || isLost(cause) || isBusy(cause);
        if (!mayGoOn || attempt === MAX_ATTEMPTS) throw error;
        plans = this.#plan(batch, documents);
      }
    }
  }

  async #commit(plans: readonly Plan[]): Promise<(Plan | Written)[]> {
    const writing = plans.filter(({ fields }) => fields !== undefined);
    if (writing.length === 0) return [...plans];
    const results = await this.#requests.commit((batch) => {
      for (const plan of writing) send(batch, plan);
    });
    return plans.map((plan) => {
      const result = results[writing.indexOf(plan)];
      return result === undefined
        ? plan
        : { ...plan, updateTime: result.writeTime };
    });
  }

  /** Removes what was created, unless somebody has changed it since. */
  async #takeBack(plans: readonly (Plan | Written)[]): Promise<void> {
    await this.#requests.write(
      plans.filter((plan) => "updateTime" in plan).map((plan) => ({
        ref: plan.draft.ref,
        fields: undefined,
        updateTime: plan.updateTime,
      })),
    );
  }

  #plan(
    drafts: readonly Draft[],
    documents: readonly FirestoreDocument[],
  ): Plan[] {
    const now = this.#requests.clock.now();
    return drafts.map((draft, index): Plan => {
      const document = documents[index]?.exists ? documents[index] : undefined;
      const { fields, onConflict } = draft;
      return { draft, document, ...meet(fields, onConflict, document, now) };
    });
  }

  #read(drafts: readonly Draft[]): Promise<readonly FirestoreDocument[]> {
    return this.#requests.getAll(drafts.map(({ ref }) => ref));
  }
}

function isCautious({ onConflict }: Draft): boolean {
  return onConflict === "error";
}

function isInTheWay({ outcome }: Plan): boolean {
  return outcome === "taken";
}

function send(batch: FirestoreBatch, { draft, document, fields }: Plan): void {
  if (document === undefined) batch.create(draft.ref, fields!);
  else {
    const lastUpdateTime = document.updateTime!;
    batch.update(draft.ref, fields!, { lastUpdateTime });
  }
}

function toWritten(
  plans: readonly Plan[],
  documents: readonly FirestoreDocument[],
): (Plan | Written)[] {
  return plans.map((plan, index) =>
    plan.fields === undefined
      ? plan
      : { ...plan, updateTime: documents[index].updateTime! }
  );
}

function refusal(
  drafts: readonly Draft[],
  taken: readonly Plan[],
): Creation {
  const slugs = new Set(taken.map(({ draft }) => draft));
  return {
    outcomes: drafts.map((draft) => slugs.has(draft) ? "taken" : "withheld"),
    changes: [],
  };
}

function success(
  drafts: readonly Draft[],
  plans: readonly Plan[],
): Creation {
  const outcomes: CreateOutcome[] = drafts.map(() => "kept");
  for (const { draft, outcome } of plans) outcomes[draft.index] = outcome;
  const changes = plans.flatMap(({ draft, fields }) =>
    fields?.claimableAt instanceof Date
      ? [{ when: fields.claimableAt, kinds: [draft.fields.kind] }]
      : []
  );
  return { outcomes, changes };
}

function withoutDefaults(fields: FirestoreFields): FirestoreFields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null),
  );
}

/** Those that may be in the way come first, while nothing is written yet. */
function toBatches(drafts: readonly Draft[]): Draft[][] {
  const batches: Draft[][] = [];
  let bytes = Infinity;
  for (const draft of inOrder(drafts)) {
    const size = sizeOf(draft.fields);
    bytes += size;
    if (
      bytes > MAX_BATCH_BYTES || batches.at(-1)?.length === MAX_BATCH_WRITES
    ) {
      batches.push([]);
      bytes = size;
    }
    batches.at(-1)!.push(draft);
  }
  return batches;
}

function inOrder(drafts: readonly Draft[]): Draft[] {
  return [
    ...drafts.filter(isCautious),
    ...drafts.filter((draft) => !isCautious(draft)),
  ];
}
