/**
 * One PostgreSQL server for all test files, the one that `DATABASE_URL` names or
 * one that ends with this process; and a database of its own for each file.
 */
import pg from "pg";
import { newTableName } from "./postgres_harness.ts";
import { ownServer, startPostgres } from "./postgres_server.ts";
import { shareServer } from "./shared_server.ts";

const shared = await shareServer({
  name: "PostgreSQL",
  variable: ownServer ? "SCHEDULER_TESTS_DATABASE_URL" : "DATABASE_URL",
  start: async () => (await startPostgres()).url,
});

/** Registers a test that needs the server. */
export const test = shared.test;

/** Where the database of this file is; empty if there is no server. */
export const url: string = shared.address !== "" && ownServer
  ? await newDatabase(shared.address)
  : shared.address;

async function newDatabase(server: string): Promise<string> {
  const name = newTableName();
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  // Others may be connected to the usual template.
  await client.query(`create database ${name} template template0`);
  await client.end();
  return new URL(name, server).href;
}
