import type {
  NewTask,
  OnConflict,
  StoreChange,
} from "../../src/api/job_store.ts";
import type {
  FirestoreDocument,
  FirestoreReference,
  FirestoreTransaction,
} from "./client.ts";
import { newFields, sizeOf, type TaskFields } from "./document.ts";
import { isOpen, isTaken } from "./errors.ts";
import type { FirestoreRequests, GuardedWrite } from "./requests.ts";

/** A document that is to be created. */
interface Draft {
  readonly ref: FirestoreReference;
  readonly fields: TaskFields;
  readonly onConflict: OnConflict;
}

/** What became of tasks. */
export interface Creation {
  /** The slugs that were in the way; if there are any, nothing was created. */
  readonly taken: string[];
  /** What there is to tell. */
  readonly created: readonly StoreChange[];
}

/** What became of a batch. */
interface Written {
  readonly taken: string[];
  readonly written: readonly (GuardedWrite & { readonly draft: Draft })[];
}

/** So many writes fit into one batch. */
const MAX_BATCH_WRITES = 500;
/** Firestore takes requests of 10 MiB, its emulator of 4 MiB. */
const MAX_BATCH_BYTES = 3 * 1_024 * 1_024;
/** How often a batch is tried while others create and delete the same slugs. */
const MAX_ATTEMPTS = 6;

/** Creates tasks, in atomic batches or in a transaction of the user. */
export class FirestoreCreator {
  readonly #requests: FirestoreRequests;
  readonly #shards: number;

  constructor(requests: FirestoreRequests, shards: number) {
    this.#requests = requests;
    this.#shards = shards;
  }

  /** Creates tasks in as few batches as they fit into. */
  async create(tasks: readonly NewTask[]): Promise<Creation> {
    const drafts = await this.#draft(tasks, this.#requests.author);
    const batches = toBatches(drafts);
    if (batches.length > 1) {
      const taken = slugsInTheWay(await this.#existing(drafts));
      if (taken.length > 0) return { taken, created: [] };
    }
    const done: Written["written"][number][] = [];
    for (const batch of batches) {
      const { taken, written } = await this.#createBatch(batch);
      if (taken.length > 0) {
        await this.#requests.write(done);
        return { taken, created: [] };
      }
      done.push(...written);
    }
    return { taken: [], created: done.map(toChange) };
  }

  /**
   * Creates tasks when the transaction commits.
   *
   * @returns The slugs that were in the way.
   */
  async createWithin(
    transaction: FirestoreTransaction,
    tasks: readonly NewTask[],
  ): Promise<string[]> {
    const drafts = await this.#draft(tasks, null);
    const existing = await findExisting(
      drafts,
      (refs) => transaction.getAll(...refs),
    );
    const taken = slugsInTheWay(existing);
    if (taken.length > 0) return taken;
    for (const draft of drafts) {
      if (!existing.has(draft)) transaction.set(draft.ref, draft.fields);
    }
    return [];
  }

  async #draft(
    tasks: readonly NewTask[],
    announcedBy: string | null,
  ): Promise<Draft[]> {
    const now = await this.#requests.now();
    return tasks.map((task) => {
      const shard = Math.floor(Math.random() * this.#shards);
      return {
        ref: this.#requests.ref(task.slug),
        fields: newFields(task, now, shard, announcedBy),
        onConflict: task.onConflict,
      };
    });
  }

  /** Creates the tasks of one batch: all but those to be kept, or none. */
  async #createBatch(batch: readonly Draft[]): Promise<Written> {
    let drafts = batch;
    for (let attempt = 1; drafts.length > 0; attempt++) {
      try {
        return { taken: [], written: await this.#commit(drafts) };
      } catch (error) {
        const { cause } = error as Error;
        if (!isOpen(cause)) throw error;
        const existing = await this.#existing(drafts);
        const written = ownAmong(existing);
        if (written.length > 0) return { taken: [], written };
        const taken = slugsInTheWay(existing);
        if (taken.length > 0) return { taken, written: [] };
        if (!isTaken(cause) || attempt === MAX_ATTEMPTS) throw error;
        drafts = drafts.filter((draft) => !existing.has(draft));
      }
    }
    return { taken: [], written: [] };
  }

  async #commit(drafts: readonly Draft[]): Promise<Written["written"]> {
    const results = await this.#requests.commit((batch) => {
      for (const { ref, fields, onConflict } of drafts) {
        if (onConflict === "replace") batch.set(ref, fields);
        else batch.create(ref, fields);
      }
    });
    return drafts.map((draft, index) =>
      toWritten(draft, results[index].writeTime)
    );
  }

  #existing(drafts: readonly Draft[]): Promise<Map<Draft, FirestoreDocument>> {
    return findExisting(drafts, (refs) => this.#requests.getAll(refs));
  }
}

/** The documents that drafts would meet, but for those that they replace. */
async function findExisting(
  drafts: readonly Draft[],
  getAll: (
    refs: FirestoreReference[],
  ) => Promise<readonly FirestoreDocument[]>,
): Promise<Map<Draft, FirestoreDocument>> {
  const cautious = drafts.filter(({ onConflict }) => onConflict !== "replace");
  if (cautious.length === 0) return new Map();
  const documents = await getAll(cautious.map(({ ref }) => ref));
  return new Map(
    cautious
      .map((draft, index) => [draft, documents[index]] as const)
      .filter(([, { exists }]) => exists),
  );
}

function slugsInTheWay(existing: ReadonlyMap<Draft, unknown>): string[] {
  return [...existing.keys()]
    .filter(({ onConflict }) => onConflict === "error")
    .map(({ fields }) => fields.slug);
}

/**
 * The client sends a batch again when its answer got lost, and then its own
 * documents are in the way.
 */
function ownAmong(
  existing: ReadonlyMap<Draft, FirestoreDocument>,
): Written["written"] {
  return [...existing]
    .filter(([draft, document]) =>
      document.data()!.creation === draft.fields.creation
    )
    .map(([draft, document]) => toWritten(draft, document.updateTime!));
}

function toWritten(
  draft: Draft,
  updateTime: GuardedWrite["updateTime"],
): Written["written"][number] {
  return { draft, ref: draft.ref, fields: undefined, updateTime };
}

function toChange({ draft }: Written["written"][number]): StoreChange {
  const { when, kind } = draft.fields;
  return { when: new Date(when), kinds: [kind] };
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
  const isError = ({ onConflict }: Draft) => onConflict === "error";
  return [
    ...drafts.filter(isError),
    ...drafts.filter((draft) => !isError(draft)),
  ];
}
