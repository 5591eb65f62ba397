import { StoreUnusableError } from "../../src/api/errors.ts";
import type { FirestoreDocument } from "./client.ts";
import { isTaken } from "./errors.ts";
import type { FirestoreRequests } from "./requests.ts";

/** The shape of documents that this code writes. */
const SCHEMA = 1;

/**
 * The document that says which shape the documents of a collection have, and how
 * old code may be to work with them. It is read when the store is used first;
 * and again when the server's clock has to be asked for, as any answer tells it.
 */
export class FirestoreSchema {
  readonly #requests: FirestoreRequests;
  #checked: Promise<void> | undefined;

  constructor(requests: FirestoreRequests) {
    this.#requests = requests;
  }

  /**
   * Resolves when it is known that the collection can be used.
   *
   * @throws {StoreUnusableError} If it cannot.
   */
  ready(): Promise<void> {
    return this.#checked ??= this.#check().catch((error) => {
      this.#checked = undefined;
      throw error;
    });
  }

  /** The server's clock; asks for it if the last answer is too old. */
  async now(): Promise<number> {
    const { clock } = this.#requests;
    await this.ready();
    if (!clock.fresh) {
      const document = await this.#read();
      if (document.exists) this.#verify(document);
      else await this.#write();
    }
    return clock.now();
  }

  async #check(): Promise<void> {
    const document = await this.#read();
    if (document.exists) return this.#verify(document);
    const { collection, path } = this.#requests;
    const { docs } = await this.#requests.query(collection.select().limit(1));
    if (docs.length === 0) return await this.#write();
    // Another process may have begun to use it between the two.
    const again = await this.#read();
    if (again.exists) return this.#verify(again);
    throw new StoreUnusableError(
      `Cannot use the collection "${path}": it holds documents, but nothing ` +
        `in "${path}_meta" says of which schema; expected an empty collection, ` +
        "or one that a version of this store with schemas has made",
    );
  }

  #read(): Promise<FirestoreDocument> {
    return this.#requests.get(this.#reference);
  }

  get #reference() {
    return this.#requests.sibling("meta").doc("schema");
  }

  /** Makes the document, unless somebody else is faster. */
  async #write(): Promise<void> {
    const fields = { schema: SCHEMA, readableBy: SCHEMA };
    try {
      await this.#requests.commit((batch) =>
        batch.create(this.#reference, fields)
      );
    } catch (error) {
      if (!isTaken((error as Error).cause)) throw error;
      this.#verify(await this.#read());
    }
  }

  #verify(document: FirestoreDocument): void {
    const { schema, readableBy } = document.data() ?? {};
    if (Number(readableBy) <= SCHEMA) return;
    throw new StoreUnusableError(
      `Cannot use the collection "${this.#requests.path}": its documents have ` +
        `schema ${schema}, which needs code that knows schema ${readableBy}, ` +
        `and this code knows ${SCHEMA}; expected a newer version of ` +
        "@x/scheduler",
    );
  }
}
