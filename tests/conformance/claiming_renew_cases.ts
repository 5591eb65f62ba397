import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type { ClaimingStore } from "../../src/api/job_store.ts";
import {
  type Case,
  claimOf,
  createDue,
  expectHeld,
  LEASE_MS,
  lockAll,
  lockNew,
  lockWork,
  newToken,
  nextWork,
  pick,
  settle,
  settlement,
  slugsOf,
} from "./store_harness.ts";

/** Holding tasks. */
export const claimingRenewCases: Case<ClaimingStore>[] = [
  {
    name: "renew makes a lease last",
    async run({ store, elapse }) {
      const task = await lockNew(store, "a");
      await elapse(LEASE_MS / 2);
      await expectHeld(store, task);
      await elapse(LEASE_MS / 2 + 1_000);
      equal(await lockWork(store), []);
      await elapse(LEASE_MS / 2);
      equal(slugsOf(await lockWork(store)), ["a"]);
    },
  },
  {
    name: "renew counts the lease from now, be it longer or shorter",
    async run({ store }) {
      const task = await lockNew(store, "a");
      for (const leaseMs of [10 * LEASE_MS, 1_000]) {
        const { now: before } = await store.nextRun({ kinds: [] });
        equal(await store.renew([claimOf(task)], leaseMs), ["held"]);
        const { now: after, when } = await store.nextRun({ kinds: ["work"] });
        ok(when!.getTime() >= before.getTime() + leaseMs - 1, "too short");
        ok(when!.getTime() <= after.getTime() + leaseMs + 1, "too long");
      }
    },
  },
  {
    name: "renew answers for each claim, in order",
    async run({ store }) {
      await createDue(store, "a", "b", "c", "d");
      const tasks = await lockWork(store);
      const by = (slug: string) => claimOf(pick(tasks, slug));
      await settle(store, pick(tasks, "b"));
      await settle(store, pick(tasks, "d"), {});
      const stale = { ...by("c"), version: by("c").version - 1 };
      const unknown = { ...by("a"), slug: "unknown" };
      equal(
        await store.renew(
          [by("d"), by("a"), stale, by("b"), by("c"), unknown],
          1_000,
        ),
        ["lost", "held", "lost", "lost", "held", "lost"],
      );
      equal(await store.renew([], 1_000), []);
    },
  },
  {
    name: "renew refuses the right version with another token",
    async run({ store }) {
      const task = await lockNew(store, "a");
      const end = await nextWork(store);
      const claim = claimOf(task);
      for (const token of [claim.token - 1, 1, newToken()]) {
        equal(await store.renew([{ ...claim, token }], 10 * LEASE_MS), [
          "lost",
        ]);
      }
      equal(await nextWork(store), end);
      await expectHeld(store, task);
    },
  },
  {
    name: "many claims are renewed in one call",
    async run({ store, elapse }) {
      const slugs = Array.from({ length: 70 }, (_, index) => `t${index}`);
      await createDue(store, ...slugs);
      const tasks = await lockAll(store);
      equal(tasks.length, 70);
      await elapse(LEASE_MS / 2);
      const claims = tasks.map(claimOf);
      claims[50] = { ...claims[50], version: claims[50].version - 1 };
      equal(
        await store.renew(claims, LEASE_MS),
        claims.map((_, index) => index === 50 ? "lost" : "held"),
      );
      await elapse(LEASE_MS / 2 + 1_000);
      equal(slugsOf(await lockWork(store, 70)), [tasks[50].slug]);
    },
  },
  {
    name: "a lease that ran out can be renewed until somebody takes over",
    async run({ store, another, elapse }) {
      const task = await lockNew(store, "a");
      await elapse(2 * LEASE_MS);
      await expectHeld(store, task);
      equal(await lockWork(await another()), []);
      await elapse(2 * LEASE_MS);
      equal(slugsOf(await lockWork(await another())), ["a"]);
      equal(await store.renew([claimOf(task)], LEASE_MS), ["lost"]);
    },
  },
  {
    name: "what was handed back or has ended cannot be renewed",
    async run({ store }) {
      const next = [{}, { status: "failed" }, { status: "done" }] as const;
      for (const [index, state] of next.entries()) {
        const task = await lockNew(store, `${index}`);
        await settle(store, task, {
          ...state,
          when: new Date("2031-01-01T00:00:00Z"),
        });
        equal(await store.renew([claimOf(task)], LEASE_MS), ["lost"]);
        equal(await store.reschedule([settlement(task)]), ["lost"]);
      }
      equal(await nextWork(store), new Date("2031-01-01T00:00:00Z"));
    },
  },
];
