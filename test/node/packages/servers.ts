/** Real servers of Debian's packages, each on a Unix socket in a folder of its own: no port of this machine is used. */
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withSbin } from "../../support/tools.ts";
import { certificate } from "../certificate.ts";

/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const READY_MS = 60_000;

/** A server that runs. */
export interface RealServer {
  /** Its Unix socket. */
  readonly socket: string;
  close(): Promise<void>;
}

function asNobody(command: readonly string[]): string[] {
  const user = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  return process.getuid?.() === 0 ? [...user, ...command] : [...command];
}

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "tcpnet-server-"));
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  return folder;
}

/** The folder of PostgreSQL's programs, the newest version's: Debian keeps them out of the PATH. */
function programs(): string {
  const found = [...new Bun.Glob("/usr/lib/postgresql/*/bin").scanSync({ onlyFiles: false })].sort();
  if (found.length === 0) throw new Error("no PostgreSQL in /usr/lib/postgresql");
  return found.at(-1)!;
}

/** Where a server runs, if not here: how a program is started there, and the address at which it listens. */
export interface Elsewhere {
  readonly address: string;
  command(words: readonly string[]): string[];
}

export async function postgres(elsewhere?: Elsewhere): Promise<RealServer> {
  const folder = scratch();
  const bin = programs();
  const options = ["-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions", "--locale=C", "-E", "UTF8"];
  await must([`${bin}/initdb`, "-D", `${folder}/data`, ...options]);
  appendFileSync(`${folder}/data/pg_hba.conf`, "host all all samenet trust\n");
  writeFileSync(`${folder}/server.crt`, certificate.cert);
  writeFileSync(`${folder}/server.key`, certificate.key, { mode: 0o600 });
  if (process.getuid?.() === 0) chownSync(`${folder}/server.key`, NOBODY, NOBODY);
  const tls = ["ssl=on", `ssl_cert_file=${folder}/server.crt`, `ssl_key_file=${folder}/server.key`];
  const settings = [
    "-c",
    `listen_addresses=${elsewhere?.address ?? ""}`,
    "-c",
    "fsync=off",
    "-k",
    folder,
    ...tls.flatMap((each) => ["-c", each]),
  ];
  const command = asNobody([`${bin}/postgres`, "-D", `${folder}/data`, ...settings]);
  // The socket is there before the server takes anybody; the eighth line of its file says when it does.
  const file = `${folder}/data/postmaster.pid`;
  const isReady = () => existsSync(file) && readFileSync(file, "utf8").split("\n")[7]?.trim() === "ready";
  return started(elsewhere?.command(command) ?? command, folder, ".s.PGSQL.5432", "SIGINT", isReady);
}

export async function redis(elsewhere?: Elsewhere): Promise<RealServer> {
  const folder = scratch();
  const listens = elsewhere === undefined ? ["--port", "0"] : ["--bind", elsewhere.address, "--protected-mode", "no"];
  const settings = [...listens, "--unixsocket", `${folder}/redis.sock`, "--save", "", "--dir", folder];
  const command = asNobody(["redis-server", ...settings]);
  return started(elsewhere?.command(command) ?? command, folder, "redis.sock", "SIGTERM");
}

export async function mariadb(elsewhere?: Elsewhere): Promise<RealServer> {
  const folder = scratch();
  mkdirSync(`${folder}/data`);
  if (process.getuid?.() === 0) chownSync(`${folder}/data`, NOBODY, NOBODY);
  const paths = [`--datadir=${folder}/data`, `--socket=${folder}/mariadb.sock`, `--pid-file=${folder}/pid`];
  const network = elsewhere === undefined ? ["--skip-networking"] : [`--bind-address=${elsewhere.address}`];
  // Without tables of users nobody needs a password.
  const settings = ["--no-defaults", ...paths, ...network, "--skip-name-resolve", "--skip-grant-tables"];
  const command = asNobody(["mariadbd", ...settings]);
  return started(elsewhere?.command(command) ?? command, folder, "mariadb.sock", "SIGTERM");
}

/** Runs a program that prepares a server. */
async function must(command: readonly string[]): Promise<void> {
  const env = { ...process.env, PATH: withSbin(process.env.PATH) };
  const child = Bun.spawn(asNobody(command), { env, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command[0]} failed:\n${out}${err}`);
}

async function started(
  command: readonly string[],
  folder: string,
  name: string,
  signal: NodeJS.Signals,
  isReady = () => true,
): Promise<RealServer> {
  const env = { ...process.env, PATH: withSbin(process.env.PATH) };
  const child = Bun.spawn([...command], { cwd: folder, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const socket = join(folder, name);
  const end = async () => {
    child.kill(signal);
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let waited = 0; !existsSync(socket) || !isReady(); waited += 20) {
    if (child.exitCode !== null || waited > READY_MS) {
      await end();
      throw new Error(`${command.join(" ")} did not start:\n${await child.stderr.text()}`);
    }
    await Bun.sleep(20);
  }
  return { socket, close: end };
}
