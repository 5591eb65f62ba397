import type {
  Claim,
  Renewal,
  Settlement,
  SettleOutcome,
} from "../../src/api/job_store.ts";
import { MemoryStore } from "../../stores/memory.ts";
import {
  catches,
  current,
  settling,
  withToken,
} from "../helpers/broken_store.ts";

catches(
  "whose renewal does nothing",
  "renew makes a lease last",
  class extends MemoryStore {
    override renew(claims: readonly Claim[]): Promise<Renewal[]> {
      return Promise.resolve(claims.map(() => "held"));
    }
  },
);

catches(
  "that never makes a lease shorter",
  "renew counts the lease from now, be it longer or shorter",
  class extends MemoryStore {
    override renew(
      claims: readonly Claim[],
      leaseMs: number,
    ): Promise<Renewal[]> {
      return super.renew(claims, Math.max(leaseMs, 60_000));
    }
  },
);

catches(
  "whose renewal fails for all if it does for one",
  "renew answers for each claim, in order",
  class extends MemoryStore {
    override async renew(
      claims: readonly Claim[],
      leaseMs: number,
    ): Promise<Renewal[]> {
      const renewals = await super.renew(claims, leaseMs);
      return renewals.includes("lost") ? claims.map(() => "lost") : renewals;
    }
  },
);

catches(
  "whose renewal ignores tokens",
  "renew refuses the right version with another token",
  class extends MemoryStore {
    override async renew(
      claims: readonly Claim[],
      leaseMs: number,
    ): Promise<Renewal[]> {
      return await super.renew(await withToken(this, claims), leaseMs);
    }
  },
);

catches(
  "that renews fifty claims only",
  "many claims are renewed in one call",
  class extends MemoryStore {
    override async renew(
      claims: readonly Claim[],
      leaseMs: number,
    ): Promise<Renewal[]> {
      const renewals = await super.renew(claims.slice(0, 50), leaseMs);
      return claims.map((_, index) => renewals[index] ?? "held");
    }
  },
);

catches(
  "whose renewal ignores versions",
  "a lease that ran out can be renewed until somebody takes over",
  class extends MemoryStore {
    override async renew(
      claims: readonly Claim[],
      leaseMs: number,
    ): Promise<Renewal[]> {
      return super.renew(await current(this, claims), leaseMs);
    }
  },
);

catches(
  "that renews what does not run",
  "what was handed back or has ended cannot be renewed",
  class extends MemoryStore {
    override async renew(
      claims: readonly Claim[],
      leaseMs: number,
    ): Promise<Renewal[]> {
      const renewals = await super.renew(claims, leaseMs);
      const tasks = await Promise.all(
        claims.map(({ slug }) => this.get(slug)),
      );
      return renewals.map((renewal, index) =>
        tasks[index]?.version === claims[index].version ? "held" : renewal
      );
    }
  },
);

catches(
  "that forgets a changed payload",
  "reschedule puts each task into its next state",
  settling(() => ({ payload: undefined })),
);

catches(
  "that takes the due time for the fire time",
  "reschedule keeps the due time and the fire time apart",
  settling(({ when }) => ({ scheduledFor: when })),
);

catches(
  "that reads settlements too late",
  "reschedule copies what it is given",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      await Promise.resolve();
      return await super.reschedule(settlements);
    }
  },
);

catches(
  "that answers settlements in another order",
  "reschedule answers for each settlement, in order",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      return (await super.reschedule(settlements)).sort();
    }
  },
);

catches(
  "that claims what has ended",
  "a task that has ended is never claimed, until it is replaced",
  settling(() => ({ status: "scheduled" })),
);

catches(
  "that claims what was cancelled",
  "a task that has ended is never claimed, until it is replaced",
  settling(({ status }) => ({
    status: status === "cancelled" ? "scheduled" : status,
  })),
);

catches(
  "whose settlement ignores versions",
  "a stale version can neither overwrite nor delete",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      return super.reschedule(await current(this, settlements));
    }
  },
);

catches(
  "that deletes for a stale version",
  "a stale version can neither overwrite nor delete",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      for (const { slug, next } of settlements) {
        if (next === undefined) await this.delete(slug);
      }
      return super.reschedule(settlements);
    }
  },
);

catches(
  "whose settlement ignores tokens",
  "the right version with another token can neither overwrite nor delete",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      return super.reschedule(await withToken(this, settlements));
    }
  },
);

catches(
  "that refuses to settle when the lease has ended",
  "a lease that ran out can be settled until somebody takes over",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      const { now } = await this.nextRun({ kinds: [] });
      const task = await this.get(settlements[0].slug);
      return (task?.leaseEnd ?? now) < now
        ? settlements.map(() => "lost")
        : await super.reschedule(settlements);
    }
  },
);

catches(
  "that lets a settlement take effect twice",
  "a settlement that is sent twice takes effect once",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      const outcomes = await super.reschedule(settlements);
      const tasks = await Promise.all(
        settlements.map(({ slug }) => this.get(slug)),
      );
      return outcomes.map((outcome, index) =>
        tasks[index]?.version === settlements[index].version
          ? "settled"
          : outcome
      );
    }
  },
);

catches(
  "that settles fifty tasks only",
  "many settlements in one call all take effect",
  class extends MemoryStore {
    override async reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      const outcomes = await super.reschedule(settlements.slice(0, 50));
      return settlements.map((_, index) => outcomes[index] ?? "settled");
    }
  },
);

catches(
  "that cannot settle more than some megabytes",
  "many large settlements in one call all take effect",
  class extends MemoryStore {
    override reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      const bytes = settlements.reduce(
        (sum, { next }) => sum + (next?.payload?.length ?? 0),
        0,
      );
      return bytes > 10 * 2 ** 20
        ? Promise.reject(new Error("too large"))
        : super.reschedule(settlements);
    }
  },
);

/** A store that cannot keep everything, and does something about it. */
function picky(
  refuse: (
    settlements: readonly Settlement[],
    isBad: (settlement: Settlement) => boolean,
    settle: (settlements: readonly Settlement[]) => Promise<SettleOutcome[]>,
  ) => Promise<SettleOutcome[]>,
) {
  return class extends MemoryStore {
    override reschedule(
      settlements: readonly Settlement[],
    ): Promise<SettleOutcome[]> {
      const isBad = ({ next }: Settlement) =>
        next !== undefined && /\0|\ud800/.test(next.result);
      const settle = (settlements: readonly Settlement[]) =>
        super.reschedule(settlements);
      return settlements.some(isBad)
        ? refuse(settlements, isBad, settle)
        : settle(settlements);
    }
  };
}

/** A store that refuses what it cannot keep, as it should. */
const good = picky(async (settlements, isBad, settle) => {
  const outcomes = await settle(settlements.filter((one) => !isBad(one)));
  return settlements.map((one) =>
    isBad(one) ? { error: new Error("bad") } : outcomes.shift()!
  );
});

const ONE_BAD = "one settlement that cannot be stored holds up no other";

catches(
  "that rejects a batch for one settlement",
  ONE_BAD,
  picky(() => Promise.reject(new Error("bad"))),
  good,
);

catches(
  "that refuses a batch for one settlement",
  ONE_BAD,
  picky((settlements) =>
    Promise.resolve(settlements.map(() => ({ error: new Error("bad") })))
  ),
  good,
);

catches(
  "that says that a claim is lost which it cannot settle",
  ONE_BAD,
  picky(async (settlements, isBad, settle) => {
    const outcomes = await settle(settlements.filter((one) => !isBad(one)));
    return settlements.map((one) => isBad(one) ? "lost" : outcomes.shift()!);
  }),
  good,
);

catches(
  "that removes what it cannot settle",
  ONE_BAD,
  picky(async (settlements, isBad, settle) => {
    const outcomes = await settle(
      settlements.map((one) => isBad(one) ? { ...one, next: undefined } : one),
    );
    return outcomes.map((outcome, index) =>
      isBad(settlements[index]) ? { error: new Error("bad") } : outcome
    );
  }),
  good,
);

catches(
  "that counts retries in two bytes",
  "large numbers of retries and crashes are kept",
  settling(({ retry }) => ({ retry: retry & 0xffff })),
);

catches(
  "that cuts long results",
  "long results are kept",
  settling(({ result }) => ({ result: result.slice(0, 65_535) })),
);

catches(
  "that removes at once what is to stay",
  "a task that has ended keeps its slug for its time, and no longer",
  settling(() => ({ keepMs: 0 })),
);

catches(
  "that keeps for ever what is to go",
  "a task that has ended keeps its slug for its time, and no longer",
  settling(() => ({ keepMs: Infinity })),
);

catches(
  "that keeps only what is done",
  "a task that has ended keeps its slug for its time, and no longer",
  settling(({ status, keepMs }) => ({
    keepMs: status === "done" ? keepMs : 0,
  })),
);

catches(
  "where for ever ends after a year",
  "what is kept until somebody removes it stays",
  settling(({ keepMs }) => ({ keepMs: Math.min(keepMs, 365 * 86_400_000) })),
);
