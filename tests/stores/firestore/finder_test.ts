/** What it costs to find whose turn it is, on a collection that is played. */
import { assertEquals } from "@std/assert";
import { KindLimits } from "../../../src/core/lanes.ts";
import { FirestoreFinder } from "../../../stores/firestore/finder.ts";
import type { FirestoreQueries } from "../../../stores/firestore/queries.ts";
import type { FirestoreRequests } from "../../../stores/firestore/requests.ts";
import { inTurn } from "../../../stores/firestore/turns.ts";
import { SteppedClock } from "../../helpers/stepped_clock.ts";

interface PlayedTask {
  readonly kind: string;
  readonly priority: number;
  readonly at: number;
}

/** Tasks that are due, and a finder that claims them. */
class Played {
  readonly clock = new SteppedClock();
  reads = 0;
  #tasks: PlayedTask[] = [];
  readonly #finder: FirestoreFinder;

  constructor() {
    const queries = {
      claimable: (
        kinds: readonly string[],
        priorities: readonly number[] | undefined,
        _latest: Date,
        limit: number,
      ) => [{ kinds, query: this.#query(kinds, priorities, limit, -1) }],
    };
    const now = () => this.clock.now();
    const requests = {
      timer: this.clock,
      clock: { now, latest: now },
      query: (query: () => unknown[]) => {
        const docs = query();
        this.reads += Math.max(1, docs.length);
        const seconds = Math.ceil(this.clock.now() / 1_000) + 1;
        return Promise.resolve({ docs, readTime: { seconds, nanoseconds: 0 } });
      },
    };
    this.#finder = new FirestoreFinder(
      requests as unknown as FirestoreRequests,
      queries as unknown as FirestoreQueries,
    );
  }

  /** Adds tasks, as another process would. */
  add(count: number, kind: string, priority = 3): void {
    const at = this.clock.now() - 1_000;
    for (let nth = 0; nth < count; nth++) {
      this.#tasks.push({ kind, priority, at: at + nth });
    }
    this.#tasks.sort((a, b) => a.at - b.at);
  }

  /** Takes note of a task, as if one had been announced. */
  notice(priority?: number): void {
    this.#finder.notice(priority);
  }

  /** Claims tasks. @returns How many of each lane, and how many reads. */
  async claim(count: number, ...kinds: string[]): Promise<[string, number]> {
    this.reads = 0;
    const limits = new KindLimits(kinds.map((kind) => ({ kind })));
    const wanted = { kinds, limits, count };
    const { documents, readAt } = await this.#finder.find(wanted);
    const chosen = inTurn(
      documents,
      wanted,
      readAt,
      (some, count) => some.slice(0, count),
    );
    const lanes = new Map<string, number>();
    for (const document of chosen) {
      const { kind, priority, task } = document.data()!;
      const lane = `${kind}${priority === 3 ? "" : priority}`;
      lanes.set(lane, (lanes.get(lane) ?? 0) + 1);
      this.#tasks = this.#tasks.filter((one) => one !== task);
    }
    return [
      [...lanes].map(([lane, count]) => `${lane}:${count}`).join(" "),
      this.reads,
    ];
  }

  #query(
    kinds: readonly string[],
    priorities: readonly number[] | undefined,
    limit: number,
    after: number,
  ) {
    const run = () =>
      this.#tasks
        .map((task, place) => ({ task, place }))
        .filter(({ task, place }) =>
          place > after && kinds.includes(task.kind) &&
          (priorities?.includes(task.priority) ?? true)
        )
        .slice(0, limit)
        .map(({ task, place }) => {
          const claimableAt = {
            seconds: Math.floor(task.at / 1_000),
            nanoseconds: (task.at % 1_000) * 1e6,
          };
          return { place, data: () => ({ ...task, task, claimableAt }) };
        });
    return Object.assign(run, {
      startAfter: ({ place }: { place: number }) =>
        this.#query(kinds, priorities, limit, place),
    });
  }
}

Deno.test("Firestore: a claim of a backlog reads what it takes, and looks for priorities once in 10 s", async () => {
  const played = new Played();
  played.add(100, "x");
  assertEquals(await played.claim(10, "x"), ["x:10", 11]);
  for (let claims = 0; claims < 5; claims++) {
    assertEquals(await played.claim(10, "x"), ["x:10", 10]);
  }
  await played.clock.step(10_000);
  assertEquals(await played.claim(10, "x"), ["x:10", 11]);
  assertEquals(await played.claim(40, "x"), ["x:30", 30]);
  assertEquals(await played.claim(10, "x"), ["", 1]);
});

Deno.test("Firestore: what all fits in is read at once, whatever its kinds and priorities", async () => {
  const played = new Played();
  played.add(3, "x");
  played.add(2, "y", 1);
  assertEquals(await played.claim(10, "x", "y"), ["y1:2 x:3", 5]);
});

Deno.test("Firestore: other kinds of which nothing is due cost 1 read in half a second", async () => {
  const played = new Played();
  played.add(100, "x");
  assertEquals(await played.claim(10, "x", "y", "z"), ["x:10", 12]);
  assertEquals(await played.claim(10, "x", "y", "z"), ["x:10", 10]);
  await played.clock.step(500);
  assertEquals(await played.claim(10, "x", "y", "z"), ["x:10", 11]);
  // What is announced has its turn at once.
  played.add(1, "y");
  assertEquals(await played.claim(10, "x", "y", "z"), ["x:10", 10]);
  played.notice();
  assertEquals((await played.claim(10, "x", "y", "z"))[0], "x:9 y:1");
});

Deno.test("Firestore: kinds that take turns are read in their shares", async () => {
  const played = new Played();
  played.add(100, "x");
  await played.clock.step(1_000);
  played.add(100, "y");
  assertEquals((await played.claim(10, "x", "y"))[0], "x:5 y:5");
  for (let claims = 0; claims < 5; claims++) {
    assertEquals(await played.claim(10, "x", "y"), ["x:5 y:5", 10]);
  }
});

Deno.test("Firestore: many kinds have their turns, also with a single slot", async () => {
  const played = new Played();
  const kinds = Array.from({ length: 20 }, (_, n) => `k${n}-`);
  for (const kind of kinds) {
    played.add(10, kind);
    await played.clock.step(10);
  }
  const order = [...kinds];
  for (let claims = 0; claims < 40; claims++) {
    const [lane] = await played.claim(1, ...order);
    assertEquals(lane, `${order[0]}:1`);
    order.push(order.shift()!);
  }
});

Deno.test("Firestore: an urgent task of another process passes a backlog within 10 s", async () => {
  const played = new Played();
  played.add(100, "x");
  await played.claim(10, "x");
  await played.clock.step(500);
  played.add(1, "x", 1);
  assertEquals(await played.claim(10, "x"), ["x:10", 10]);
  await played.clock.step(10_000);
  assertEquals((await played.claim(10, "x"))[0], "x1:1 x:9");
  // Announced, it passes at once; each priority in use costs 1 read.
  played.add(1, "x", 2);
  played.notice(2);
  assertEquals(await played.claim(1, "x"), ["x2:1", 4]);
});
