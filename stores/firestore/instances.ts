import type {
  InstanceRecord,
  LivingInstance,
} from "../../src/api/job_store.ts";
import type { FirestoreCollection, FirestoreFields } from "./client.ts";
import { documentId, toDate } from "./document.ts";
import type { FirestoreRequests } from "./requests.ts";

/** How a record may age before it is written again, as it did not change. */
const BEAT = { usualMs: 60_000, ofTimeout: 1 / 5, atMost: 1 / 3, slack: 0.9 };
/** How many of the dead are removed at a time. */
const MAX_BURIED = 10;

/** The records of the schedulers that take part, in a collection of their own. */
export class FirestoreInstances {
  readonly #requests: FirestoreRequests;
  readonly #collection: FirestoreCollection;
  /** What was written last of each instance, and when. */
  readonly #beats = new Map<string, { text: string; at: number }>();

  constructor(requests: FirestoreRequests) {
    this.#requests = requests;
    this.#collection = requests.sibling("instances");
  }

  /** Writes the record of an instance, if it is time. */
  async beat(instance: InstanceRecord): Promise<void> {
    const { id } = instance;
    const text = JSON.stringify(instance);
    const at = this.#requests.timer.monotonic();
    const last = this.#beats.get(id);
    if (
      last?.text === text && at - last.at < beatMs(instance.timeoutMs)
    ) return;
    const now = this.#requests.clock.now();
    this.#beats.set(id, { text, at });
    try {
      await this.#requests.commit((batch) =>
        batch.set(this.#collection.doc(documentId(id)), toFields(instance, now))
      );
    } catch (error) {
      this.#beats.delete(id);
      throw error;
    }
  }

  /** The instances that live, in the order of their ids. */
  async list(): Promise<LivingInstance[]> {
    const now = new Date(this.#requests.clock.now());
    const { docs } = await this.#requests.query(
      this.#collection.where("expiresAt", ">=", now),
    );
    const instances = docs.map((document) => toInstance(document.data()!))
      .sort((a, b) => a.id < b.id ? -1 : 1);
    // One that has died, for all that others know, is written again.
    for (const id of this.#beats.keys()) {
      if (!instances.some((one) => one.id === id)) this.#beats.delete(id);
    }
    return instances;
  }

  /** Removes the record of an instance. */
  async remove(id: string): Promise<void> {
    this.#beats.delete(id);
    const ref = this.#collection.doc(documentId(id));
    await this.#requests.commit((batch) => batch.delete(ref));
  }

  /** Removes some of those that have died. @returns Whether there may be more. */
  async bury(): Promise<boolean> {
    const now = new Date(this.#requests.clock.now() - 1);
    const { docs } = await this.#requests.query(
      this.#collection.where("expiresAt", "<=", now).limit(MAX_BURIED),
    );
    await this.#requests.write(docs.map(({ ref, updateTime }) => ({
      ref,
      fields: undefined,
      updateTime: updateTime!,
    })));
    return docs.length === MAX_BURIED;
  }
}

function beatMs(timeoutMs: number): number {
  const wanted = Math.max(BEAT.usualMs, timeoutMs * BEAT.ofTimeout);
  return Math.min(wanted, timeoutMs * BEAT.atMost) * BEAT.slack;
}

function toFields(instance: InstanceRecord, now: number): FirestoreFields {
  return {
    ...instance,
    kinds: [...instance.kinds],
    app: instance.app ?? null,
    seenAt: new Date(now),
    expiresAt: new Date(now + instance.timeoutMs),
  };
}

function toInstance(fields: FirestoreFields): LivingInstance {
  const { id, name, kinds, slots, library, app, stopping, timeoutMs } = fields;
  return {
    id,
    name,
    kinds,
    slots: Number(slots),
    library,
    app: app ?? undefined,
    startedAt: toDate(fields.startedAt),
    stopping,
    timeoutMs: Number(timeoutMs),
    seenAt: toDate(fields.seenAt),
  };
}
