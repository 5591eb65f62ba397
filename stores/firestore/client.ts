/**
 * The part of `@google-cloud/firestore` that the store uses. A `Firestore` of
 * that package fits; nothing is imported from it.
 *
 * @module
 */

/** An instant, as Firestore gives it. */
export interface FirestoreTimestamp {
  /** Whole seconds since 1970-01-01T00:00:00Z. */
  readonly seconds: number;
  /** The rest, in nanoseconds. */
  readonly nanoseconds: number;
}

/** The fields of a document. */
// deno-lint-ignore no-explicit-any -- what the client says as well
export type FirestoreFields = Record<string, any>;

/** Names a document. */
export interface FirestoreReference {
  /** The last segment of the path. */
  readonly id: string;
  /** Reads the document. */
  get(): Promise<FirestoreDocument>;
}

/** A document as it was at `readTime`. */
export interface FirestoreDocument {
  /** Names the document. */
  readonly ref: FirestoreReference;
  /** Whether it exists. */
  readonly exists: boolean;
  /** When it was created first; only if it exists. */
  readonly createTime?: FirestoreTimestamp | undefined;
  /** When it was changed last; only if it exists. */
  readonly updateTime?: FirestoreTimestamp | undefined;
  /** The server's clock when it was read. */
  readonly readTime: FirestoreTimestamp;
  /** The fields; `undefined` if it does not exist. */
  data(): FirestoreFields | undefined;
}

/** The documents that a query found. */
export interface FirestoreResult {
  /** The documents, in the order of the query. */
  readonly docs: readonly FirestoreDocument[];
  /** The server's clock when they were read. */
  readonly readTime: FirestoreTimestamp;
  /** What is new since the last snapshot of a listener. */
  docChanges(): readonly {
    /** `"added"`, `"modified"` or `"removed"`. */
    readonly type: string;
    /** The document that changed. */
    readonly doc: FirestoreDocument;
  }[];
}

/** A query. */
export interface FirestoreQuery {
  /** Keeps the documents whose field compares so with the value. */
  where(
    field: string,
    operator: "<=" | "==" | ">" | ">=" | "in",
    value: unknown,
  ): FirestoreQuery;
  /** Orders by a field, ascending. */
  orderBy(field: string): FirestoreQuery;
  /** Keeps the first documents. */
  limit(limit: number): FirestoreQuery;
  /** Reads these fields alone. */
  select(...fields: string[]): FirestoreQuery;
  /** Continues after a document. */
  startAfter(document: FirestoreDocument): FirestoreQuery;
  /** Runs the query once. */
  get(): Promise<FirestoreResult>;
  /** Runs the query now and whenever its result changes. */
  onSnapshot(
    onNext: (result: FirestoreResult) => void,
    onError: (error: Error) => void,
  ): () => void;
}

/** A collection. */
export interface FirestoreCollection extends FirestoreQuery {
  /** Names a document of the collection. */
  doc(id: string): FirestoreReference;
}

/** The answer to a write. */
export interface FirestoreWriteResult {
  /** The `updateTime` that the document now has. */
  readonly writeTime: FirestoreTimestamp;
}

/** What must hold for a write to take place. */
export interface FirestorePrecondition {
  /** The document must have been changed last at this time. */
  readonly lastUpdateTime?: FirestoreTimestamp;
  /** The document must exist. */
  readonly exists?: boolean;
}

/** Writes that take place together or not at all. */
export interface FirestoreBatch {
  /** Writes a document that does not exist yet. */
  create(ref: FirestoreReference, fields: FirestoreFields): unknown;
  /** Writes a document, whether or not it exists. */
  set(ref: FirestoreReference, fields: FirestoreFields): unknown;
  /** Changes fields of a document. */
  update(
    ref: FirestoreReference,
    fields: FirestoreFields,
    precondition?: FirestorePrecondition,
  ): unknown;
  /** Removes a document. */
  delete(
    ref: FirestoreReference,
    precondition?: FirestorePrecondition,
  ): unknown;
  /** Sends the writes. */
  commit(): Promise<readonly FirestoreWriteResult[]>;
}

/** Writes that take place one by one, sent many at a time. */
export interface FirestoreBulkWriter {
  /** Changes fields of a document. */
  update(
    ref: FirestoreReference,
    fields: FirestoreFields,
    precondition?: FirestorePrecondition,
  ): Promise<FirestoreWriteResult>;
  /** Removes a document. */
  delete(
    ref: FirestoreReference,
    precondition?: FirestorePrecondition,
  ): Promise<FirestoreWriteResult>;
  /** Says whether a failed write is to be sent again. */
  onWriteError(shouldRetry: () => boolean): void;
  /** Sends what is left. */
  close(): Promise<void>;
}

/**
 * A transaction of the user, as `firestore.runTransaction` gives it to its
 * callback.
 */
export interface FirestoreTransaction {
  /** Reads documents. */
  // deno-lint-ignore no-explicit-any -- the client takes a union there
  getAll(...refs: any[]): Promise<readonly FirestoreDocument[]>;
  /** Writes a document that does not exist yet. */
  create(ref: FirestoreReference, fields: FirestoreFields): unknown;
  /** Writes a document, whether or not it exists. */
  set(ref: FirestoreReference, fields: FirestoreFields): unknown;
}

/** The client: a `Firestore` of `@google-cloud/firestore` fits. */
export interface FirestoreClient {
  /** The collection with this path. */
  collection(path: string): FirestoreCollection;
  /** Reads documents. */
  // deno-lint-ignore no-explicit-any -- the client takes a union there
  getAll(...refs: any[]): Promise<readonly FirestoreDocument[]>;
  /** Starts an atomic batch. */
  batch(): FirestoreBatch;
  /** Starts a bulk write. */
  bulkWriter(
    options: {
      /** Whether to start slowly. */
      readonly throttling: boolean;
    },
  ): FirestoreBulkWriter;
}
