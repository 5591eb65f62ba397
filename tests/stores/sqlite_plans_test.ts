/** That no statement looks at more rows than it needs. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore } from "../../stores/sqlite.ts";
import { type SqliteSql, sqliteSql } from "../../stores/sqlite/sql.ts";

/** What is about all tasks, or about none of them. */
const WHOLE: readonly (keyof SqliteSql)[] = [
  "clear",
  "highest",
  "floor",
  "retire",
  "instances",
  "removeDead",
  "lostCreation",
  "endCreations",
  "insert",
  "insertGroup",
  "replace",
  "beginCreation",
  "noteInstance",
];

async function plansOf(database: DatabaseSync) {
  await new SqliteStore(database).getSlugs();
  const sql = sqliteSql("schedules");
  return (name: keyof SqliteSql) =>
    database.prepare(`EXPLAIN QUERY PLAN ${sql[name]}`).all()
      .map(({ detail }) => String(detail));
}

Deno.test("every statement finds its rows in an index, and sorts nothing", async () => {
  const database = new DatabaseSync(":memory:");
  const planOf = await plansOf(database);
  const names = Object.keys(sqliteSql("schedules")) as (keyof SqliteSql)[];
  for (const name of names.filter((name) => !WHOLE.includes(name))) {
    const bad = planOf(name).filter((step) =>
      /SCAN (schedules|task)\b|TEMP B-TREE|AUTOMATIC/.test(step)
    );
    assertEquals(bad, [], name);
  }
  database.close();
});

Deno.test("each statement uses the index that is made for it", async () => {
  const database = new DatabaseSync(":memory:");
  const planOf = await plansOf(database);
  const expected: Partial<Record<keyof SqliteSql, string>> = {
    lanes: "schedules USING COVERING INDEX schedules_claimable " +
      "(kind=? AND priority>?)",
    candidates: "schedules USING INDEX schedules_claimable " +
      "(kind=? AND priority=? AND claimable_at<?)",
    claim: "schedules USING INTEGER PRIMARY KEY (rowid=?)",
    prune: "schedules USING COVERING INDEX schedules_ended (keep_until<?)",
    open: "schedules USING COVERING INDEX schedules_staged (creation=?)",
    takeBack: "schedules USING COVERING INDEX schedules_staged (creation=?)",
    renew: "schedules USING INDEX sqlite_autoindex_schedules_1 (slug=?)",
    settle: "schedules USING INDEX sqlite_autoindex_schedules_1 (slug=?)",
    remove: "schedules USING INDEX sqlite_autoindex_schedules_1 (slug=?)",
  };
  for (const [name, step] of Object.entries(expected)) {
    const plan = planOf(name as keyof SqliteSql);
    assertEquals(plan.includes(`SEARCH ${step}`), true, `${name}: ${plan}`);
  }
  database.close();
});
