import type {
  FirestoreClient,
  FirestoreDocument,
  FirestoreQuery,
  FirestoreResult,
} from "../../stores/firestore.ts";

/** What Firestore charges for. */
export interface Bill {
  /** Documents read; an answer without any counts as one. */
  reads: number;
  /** Documents created or changed. */
  writes: number;
  /** Documents removed. */
  deletes: number;
}

/** Counts what goes through a client, the way Firestore charges for it. */
export class FirestoreMeter {
  /** The client to give to a store. */
  readonly client: FirestoreClient;
  readonly #breakers: (() => void)[] = [];
  #bill: Bill = { reads: 0, writes: 0, deletes: 0 };
  /** How many requests wait for their answers. */
  #waiting = 0;

  constructor(client: FirestoreClient) {
    this.client = this.#watch(client, {
      collection: (path: string) => this.#query(client.collection(path)),
      getAll: async (...refs: unknown[]) => {
        this.#bill.reads += refs.length;
        return await this.#asking(client.getAll(...refs));
      },
      batch: () => this.#writer(client.batch()),
      bulkWriter: (options: { throttling: boolean }) =>
        this.#writer(client.bulkWriter(options)),
    });
  }

  /** Whether so much was counted since the last `read`, and no answer is due. */
  hasCounted(least: Partial<Bill>): boolean {
    const { reads = 0, writes = 0, deletes = 0 } = least;
    return this.#waiting === 0 && this.#bill.reads >= reads &&
      this.#bill.writes >= writes && this.#bill.deletes >= deletes;
  }

  /** What was counted since the last call. */
  read(): Bill {
    const bill = this.#bill;
    this.#bill = { reads: 0, writes: 0, deletes: 0 };
    return bill;
  }

  /** Ends all listeners as if the client had given up on them. */
  breakListeners(): void {
    for (const breakIt of this.#breakers.splice(0)) breakIt();
  }

  #query<Query extends FirestoreQuery>(query: Query): Query {
    const refine =
      (method: "where" | "orderBy" | "limit" | "select" | "startAfter") =>
      // deno-lint-ignore no-explicit-any
      (...args: any[]) =>
        // deno-lint-ignore no-explicit-any
        this.#query((query[method] as any)(...args));
    return this.#watch(query, {
      where: refine("where"),
      orderBy: refine("orderBy"),
      limit: refine("limit"),
      select: refine("select"),
      startAfter: refine("startAfter"),
      get: async () => {
        const result = await this.#asking(query.get());
        this.#bill.reads += Math.max(1, result.docs.length);
        return result;
      },
      onSnapshot: (
        onNext: (result: FirestoreResult) => void,
        onError: (error: Error) => void,
      ) => {
        let first = true;
        const unsubscribe = query.onSnapshot((result) => {
          const read = result.docChanges().filter(({ type }) =>
            type !== "removed"
          );
          this.#bill.reads += first ? Math.max(1, read.length) : read.length;
          first = false;
          onNext(result);
        }, onError);
        this.#breakers.push(() => {
          unsubscribe();
          onError(new Error("the client gave up"));
        });
        return unsubscribe;
      },
      doc: (id: string) => {
        // deno-lint-ignore no-explicit-any
        const ref = (query as any).doc(id);
        const get = ref.get.bind(ref);
        ref.get = (): Promise<FirestoreDocument> => {
          this.#bill.reads++;
          return this.#asking(get());
        };
        return ref;
      },
    });
  }

  /** What fails is counted as well: that does not happen where it matters. */
  #writer<Writer extends object>(writer: Writer): Writer {
    const count =
      (method: string, kind: "writes" | "deletes") => (...args: unknown[]) => {
        this.#bill[kind]++;
        // deno-lint-ignore no-explicit-any
        return (writer as any)[method](...args);
      };
    return this.#watch(writer, {
      create: count("create", "writes"),
      set: count("set", "writes"),
      update: count("update", "writes"),
      delete: count("delete", "deletes"),
      ...Object.fromEntries(
        ["commit", "close"].filter((end) => end in writer).map((end) => [
          end,
          // deno-lint-ignore no-explicit-any
          () => this.#asking((writer as any)[end]()),
        ]),
      ),
    });
  }

  async #asking<T>(answer: Promise<T>): Promise<T> {
    this.#waiting++;
    try {
      return await answer;
    } finally {
      this.#waiting--;
    }
  }

  /** The target, with some of its methods replaced. */
  #watch<Target extends object>(
    target: Target,
    methods: Record<string, unknown>,
  ): Target {
    return new Proxy(target, {
      get(_, name) {
        if (typeof name === "string" && name in methods) return methods[name];
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
