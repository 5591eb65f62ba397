/** A PostgreSQL server for tests. When disposed of, its files go too. */
export interface PostgresServer extends AsyncDisposable {
  /** Where to connect to. */
  readonly url: string;
  /** Kills it as a crash would. @returns Starts it again on the same port. */
  kill(): Promise<() => Promise<void>>;
}

/**
 * Starts a server on a free port, with files of its own, or uses the one that
 * `DATABASE_URL` names. Works as root too: the server then runs as the user
 * `postgres`.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const url = Deno.env.get("DATABASE_URL");
  if (url === undefined) return await OwnServer.start();
  return {
    url,
    kill: () => Promise.reject(new Error("this server is not ours to kill")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Whether tests may kill the server. */
export const ownServer = Deno.env.get("DATABASE_URL") === undefined;

interface Account {
  uid?: number;
  gid?: number;
}

class OwnServer implements PostgresServer {
  readonly url: string;
  readonly #bin: string;
  readonly #dir: string;
  readonly #port: number;
  readonly #account: Account;
  #process: Deno.ChildProcess | undefined;
  readonly #onUnload = () => {
    this.#process?.kill("SIGKILL");
    removeInSpiteOfWriters(this.#dir);
  };

  private constructor(bin: string, dir: string, account: Account) {
    this.#bin = bin;
    this.#dir = dir;
    this.#account = account;
    this.#port = freePort();
    this.url = `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  static async start(): Promise<OwnServer> {
    const bin = await binaries();
    const account = await serverAccount();
    const dir = await Deno.makeTempDir({ prefix: "scheduler-postgres-" });
    if (account.uid !== undefined) {
      await Deno.chown(dir, account.uid, account.gid!);
    }
    const server = new OwnServer(bin, dir, account);
    await output(`${bin}/initdb`, [
      ...["-D", `${dir}/data`, "-U", "postgres", "-A", "trust"],
      ...["-E", "UTF8", "--locale", "C", "--no-sync"],
    ], account);
    addEventListener("unload", server.#onUnload);
    await server.#launch();
    return server;
  }

  async kill(): Promise<() => Promise<void>> {
    this.#process!.kill("SIGQUIT");
    await this.#process!.status;
    return () => this.#launch();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    removeEventListener("unload", this.#onUnload);
    await this.kill();
    await Deno.remove(this.#dir, { recursive: true });
  }

  async #launch(): Promise<void> {
    const settings = {
      port: this.#port,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: this.#dir,
      fsync: "off",
      max_connections: 200,
      logging_collector: "on",
      log_directory: this.#dir,
    };
    this.#process = new Deno.Command(`${this.#bin}/postgres`, {
      args: [
        ...["-D", `${this.#dir}/data`],
        ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`]),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...this.#account,
    }).spawn();
    const args = ["-h", "127.0.0.1", "-p", `${this.#port}`, "-t", "1"];
    for (let tries = 0; tries < 300; tries++) {
      const { success } = await new Deno.Command(`${this.#bin}/pg_isready`, {
        args,
        stdout: "null",
      }).output();
      if (success) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`PostgreSQL does not start, see ${this.#dir}/*.log`);
  }
}

async function binaries(): Promise<string> {
  try {
    return (await output("pg_config", ["--bindir"])).trim();
  } catch (cause) {
    throw new Error(
      "Cannot start PostgreSQL: pg_config is not there; install the server, " +
        "or let DATABASE_URL name one",
      { cause },
    );
  }
}

/** The children of a killed server end a moment after it. */
function removeInSpiteOfWriters(dir: string): void {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return Deno.removeSync(dir, { recursive: true });
    } catch {
      const cell = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(cell, 0, 0, 10);
    }
  }
}

/** The server refuses to run as root. */
async function serverAccount(): Promise<Account> {
  if (Deno.uid() !== 0) return {};
  const id = async (flag: string) =>
    Number(await output("id", [flag, "postgres"]));
  return { uid: await id("-u"), gid: await id("-g") };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
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
