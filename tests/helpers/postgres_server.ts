import { setTimeout as delay } from "node:timers/promises";
import { freePort, ServerProcess } from "./server_process.ts";
import { MissingServerError } from "./shared_server.ts";

/** How to run a server of one's own. */
export interface PostgresServerOptions {
  /**
   * Whether a commit waits for the disk, as it does outside of tests.
   *
   * @default false
   */
  readonly fsync?: boolean;
}

/** A PostgreSQL server for tests. When disposed of, its files go too. */
export interface PostgresServer extends AsyncDisposable {
  /** Where to connect to. */
  readonly url: string;
  /** Kills it as a crash would. @returns Starts it again on the same port. */
  kill(): Promise<() => Promise<void>>;
}

/**
 * Starts a server on a free port, with files of its own, or uses the one that
 * `DATABASE_URL` names. It ends with this process, however that ends. Works as
 * root too: the server then runs as the user `postgres`.
 */
export async function startPostgres(
  options: PostgresServerOptions = {},
): Promise<PostgresServer> {
  const url = Deno.env.get("DATABASE_URL");
  if (url === undefined) return await OwnServer.start(options);
  return {
    url,
    kill: () => Promise.reject(new Error("this server is not ours to kill")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Whether tests may kill the server. */
export const ownServer = Deno.env.get("DATABASE_URL") === undefined;

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

class OwnServer implements PostgresServer {
  readonly url: string;
  readonly #bin: string;
  readonly #directory: string;
  readonly #port = freePort();
  readonly #account: Account;
  #process: ServerProcess | undefined;

  readonly #fsync: boolean;

  private constructor(
    bin: string,
    directory: string,
    account: Account,
    { fsync = false }: PostgresServerOptions,
  ) {
    this.#fsync = fsync;
    this.#bin = bin;
    this.#directory = directory;
    this.#account = account;
    this.url = `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  static async start(options: PostgresServerOptions): Promise<OwnServer> {
    const bin = await binaries();
    const account = await serverAccount();
    const directory = await Deno.makeTempDir({ prefix: "scheduler-postgres-" });
    if (account.uid !== undefined) {
      await Deno.chown(directory, account.uid, account.gid!);
    }
    const server = new OwnServer(bin, directory, account, options);
    await output(`${bin}/initdb`, [
      ...["-D", `${directory}/data`, "-U", "postgres", "-A", "trust"],
      ...["-E", "UTF8", "--locale", "C", "--no-sync"],
    ], account);
    await server.#launch();
    return server;
  }

  async kill(): Promise<() => Promise<void>> {
    await this.#process!.end();
    return () => this.#launch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #launch(): Promise<void> {
    const settings = {
      port: this.#port,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: this.#directory,
      fsync: this.#fsync ? "on" : "off",
      max_connections: 200,
    };
    this.#process = await ServerProcess.start({
      command: `${this.#bin}/postgres`,
      args: [
        ...["-D", `${this.#directory}/data`],
        ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`]),
      ],
      directory: this.#directory,
      account: this.#account,
      endSignal: "SIGQUIT",
    });
    const args = ["-h", "127.0.0.1", "-p", `${this.#port}`, "-t", "1"];
    for (let tries = 0; tries < 300; tries++) {
      const { success } = await new Deno.Command(`${this.#bin}/pg_isready`, {
        args,
        stdout: "null",
      }).output();
      if (success) return;
      if (this.#process.ended) break;
      await delay(50);
    }
    const log = await Deno.readTextFile(`${this.#directory}/server.log`);
    throw new Error(`PostgreSQL does not start: ${log}`);
  }
}

async function binaries(): Promise<string> {
  try {
    return (await output("pg_config", ["--bindir"])).trim();
  } catch (cause) {
    throw new MissingServerError(
      "pg_config is not there; install the server (Debian: postgresql and " +
        "libpq-dev), or name one in DATABASE_URL",
      { cause },
    );
  }
}

/** The server refuses to run as root. */
async function serverAccount(): Promise<Account> {
  if (Deno.uid() !== 0) return {};
  const id = async (flag: string) =>
    Number(await output("id", [flag, "postgres"]));
  return { uid: await id("-u"), gid: await id("-g") };
}

async function output(
  command: string,
  args: string[],
  account: Account = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    ...account,
    cwd: "/",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`${command} failed: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}
