import type { InstanceRecord } from "../api/job_store.ts";
import { VERSION } from "../core/version.ts";

/** What an {@linkcode Instance} says of itself. */
export interface InstanceSettings {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly slots: number;
  readonly heartbeatMs: number;
}

/** A record counts as dead when so many heartbeats were missed. */
const MISSED_BEATS = 5;

/** This scheduler, from one start to its stop, as others see it. */
export class Instance {
  readonly id: string = randomId();
  readonly #settings: InstanceSettings;
  #startedAt: Date | undefined;
  #beatAt = -Infinity;
  /** Whether it has begun to stop. */
  stopping = false;

  constructor(settings: InstanceSettings) {
    this.#settings = settings;
  }

  /** Whether it was ever written to the store. */
  get isKnown(): boolean {
    return this.#startedAt !== undefined;
  }

  /**
   * The record, if it is time to write it again.
   *
   * @param present The moment, on the monotonic clock.
   * @param now The store's clock.
   */
  beat(
    present: number,
    now: Date,
    kinds: readonly string[],
  ): InstanceRecord | undefined {
    const { name, version, slots, heartbeatMs } = this.#settings;
    if (present - this.#beatAt < heartbeatMs) return undefined;
    this.#beatAt = present;
    this.#startedAt ??= now;
    return {
      id: this.id,
      name: name ?? this.id,
      kinds,
      slots,
      library: VERSION,
      app: version,
      startedAt: this.#startedAt,
      stopping: this.stopping,
      timeoutMs: MISSED_BEATS * heartbeatMs,
    };
  }

  /** Writes the record at the next occasion, for it has changed. */
  changed(): void {
    this.#beatAt = -Infinity;
  }
}

function randomId(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
}

/** A random integer from 1 to 2⁵³ − 1, for the fence of a claim. */
export function randomToken(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return Math.max(1, (high & 0x1f_ffff) * 2 ** 32 + low);
}
