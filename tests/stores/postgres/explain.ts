import type { PgClient } from "../../../stores/postgres.ts";

/** A node of a plan, as `explain` tells it. */
interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}

/** What a statement did. */
export interface Execution {
  /** What was read of the table in one go, or whole. */
  readonly scans: string[];
  /** How many rows of the table were looked at by an index. */
  readonly read: number;
  /** How many were locked. */
  readonly locked: number;
  /** The most that any sort got. */
  readonly sorted: number;
  readonly isCompiled: boolean;
}

/** Says what a statement did, and undoes it. */
export async function explain(
  client: PgClient,
  table: string,
  statement: string,
): Promise<Execution> {
  await client.query("begin");
  const { rows: [row] } = await client.query(
    `explain (analyze, buffers, settings, format json) ${statement}`,
  );
  await client.query("rollback");
  const [{ Plan, JIT }] = row["QUERY PLAN"] as [{ Plan: Node; JIT?: unknown }];
  const nodes = [...allOf(Plan)];
  const ofTable = nodes.filter((node) => node["Relation Name"] === table);
  const is = (...types: string[]) => (node: Node) =>
    types.includes(node["Node Type"]);
  const sum = (nodes: Node[]) =>
    nodes.reduce((total, node) => total + rowsOf(node), 0);
  return {
    scans: ofTable.filter(is("Seq Scan", "Bitmap Heap Scan"))
      .map((node) => node["Node Type"]),
    read: sum(ofTable.filter(is("Index Scan", "Index Only Scan"))),
    locked: sum(nodes.filter(is("LockRows"))),
    sorted: Math.max(
      0,
      ...nodes.filter(is("Sort", "Incremental Sort")).map(rowsOf),
    ),
    isCompiled: JIT !== undefined,
  };
}

function rowsOf(node: Node): number {
  const removed = node["Rows Removed by Filter"] ?? 0;
  return (node["Actual Rows"] + removed) * node["Actual Loops"];
}

function* allOf(node: Node): Generator<Node> {
  yield node;
  for (const child of node.Plans ?? []) yield* allOf(child);
}
