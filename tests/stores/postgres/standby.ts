import type { PostgresServer } from "../../helpers/postgres_server.ts";

/** A hot standby: it can be read, until it is promoted. */
export interface PostgresStandby extends AsyncDisposable {
  readonly port: number;
  /** Makes it take changes. */
  promote(): Promise<void>;
}

/** Starts a standby of a server of tests. */
export async function startStandby(
  primary: PostgresServer,
): Promise<PostgresStandby> {
  const { port: primaryPort } = new URL(primary.url);
  const bin = (await run("pg_config", "--bindir")).trim();
  const account = await serverAccount();
  const dir = await Deno.makeTempDir({ prefix: "scheduler-standby-" });
  if (account.uid !== undefined) {
    await Deno.chown(dir, account.uid, account.gid!);
  }
  const data = `${dir}/data`;
  const port = freePort();
  const as = (command: string, ...args: string[]) =>
    run.call(account, `${bin}/${command}`, ...args);
  await as(
    "pg_basebackup",
    ...["-h", "127.0.0.1", "-p", primaryPort, "-U", "postgres"],
    ...["-D", data, "-R", "-X", "stream", "-c", "fast"],
  );
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c fsync=off ` +
    `-c unix_socket_directories=${dir} -c max_connections=200`;
  const control = (...args: string[]) => as("pg_ctl", "-D", data, ...args);
  await control("-w", "-l", `${dir}/log`, "-o", settings, "start");
  return {
    port,
    promote: async () => void await control("-w", "promote"),
    async [Symbol.asyncDispose]() {
      await control("-m", "immediate", "stop");
      await Deno.remove(dir, { recursive: true });
    },
  };
}

interface Account {
  uid?: number;
  gid?: number;
}

/** The server refuses to run as root. */
async function serverAccount(): Promise<Account> {
  if (Deno.uid() !== 0) return {};
  const id = async (flag: string) => Number(await run("id", flag, "postgres"));
  return { uid: await id("-u"), gid: await id("-g") };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function run(
  this: Account | void,
  command: string,
  ...args: string[]
): Promise<string> {
  // What the server inherits of its output stays open as long as it runs.
  const isServer = args.includes("start");
  const child = new Deno.Command(command, {
    args,
    ...this,
    cwd: "/",
    stdin: "null",
    stdout: isServer ? "null" : "piped",
    stderr: isServer ? "null" : "piped",
  });
  if (isServer) {
    const { success } = await child.spawn().status;
    if (!success) throw new Error(`${command} failed`);
    return "";
  }
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${command}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
