import { existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Debian packages of real firewalls, for the boxes that tests try them in. They are fetched once into a folder of their own
 * and never installed on this machine. `bun run test` fetches them, as does `bun run test/netup/debs.ts`.
 */

export const FIREWALLS = ["firewalld", "ufw"] as const;

export type FirewallDeb = (typeof FIREWALLS)[number];

export const CACHE =
  process.env.TCPNET_DEBS ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tcpnet/debs");

const FETCH_LIMIT_MS = 120_000;

interface Package {
  readonly name: string;
  readonly version: string;
}

/** The files of a firewall's package and of what it needs and this machine lacks; or why they are not here. */
export function debs(name: FirewallDeb): string[] | string {
  const wanted = wantedFor(name);
  if (typeof wanted === "string") return wanted;
  if (wanted.length === 0) return [];
  const trust = existsSync(CACHE) ? distrust(CACHE) : "";
  if (trust !== "") return trust;
  const files = wanted.map(fileOf);
  if (files.every((file) => file !== undefined)) return files;
  return `Debian's package ${name} is not in ${CACHE} (bun run test/netup/debs.ts fetches it)`;
}

/** Fetches what is missing for `debs`. Answers why it could not, or "". */
export function fetchDebs(name: FirewallDeb): string {
  const wanted = wantedFor(name);
  if (typeof wanted === "string") return wanted;
  mkdirSync(CACHE, { recursive: true, mode: 0o700 });
  const trust = distrust(CACHE);
  if (trust !== "") return trust;
  const missing = wanted.filter((each) => fileOf(each) === undefined);
  if (missing.length === 0) return "";
  const names = missing.map((each) => `${each.name}=${each.version}`);
  // apt-get drops root's rights for a download, and could not write into root's folder then.
  const fetched = run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", ...names], CACHE);
  return fetched.code === 0 ? "" : `could not download ${names.join(", ")}: ${fetched.err.split("\n").at(-1)}`;
}

/** The packages that installing a firewall would add to this machine, or why that is not known. */
function wantedFor(name: FirewallDeb): Package[] | string {
  if (Bun.which("apt-get") === null) return "this is no Debian: there is no apt-get";
  const simulated = run(["apt-get", "-s", "install", "--no-install-recommends", name], "/");
  if (simulated.code !== 0) {
    return `apt-get does not know ${name}: ${simulated.err.split("\n")[0]} (apt-get update helps)`;
  }
  return [...simulated.out.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/gm)].map((match) => ({
    name: match[1]!.replace(/:.*$/, ""),
    version: match[2]!,
  }));
}

/** Packages are installed as root: nobody else may be able to put one there. */
function distrust(folder: string): string {
  const { uid, mode } = lstatSync(folder);
  if (uid === process.getuid?.() && (mode & 0o022) === 0 && lstatSync(folder).isDirectory()) return "";
  return `${folder} belongs to another user, or others may write into it: not used (remove it, or name another in TCPNET_DEBS)`;
}

function fileOf({ name, version }: Package): string | undefined {
  const start = `${name}_${version.replaceAll(":", "%3a")}_`;
  const file = existsSync(CACHE) ? readdirSync(CACHE).find((each) => each.startsWith(start)) : undefined;
  return file === undefined ? undefined : join(CACHE, file);
}

function run(argv: string[], cwd: string): { code: number; out: string; err: string } {
  const env = { ...process.env, LC_ALL: "C" };
  const ran = Bun.spawnSync(argv, { cwd, stdout: "pipe", stderr: "pipe", timeout: FETCH_LIMIT_MS, env });
  return { code: ran.exitCode ?? 1, out: ran.stdout.toString(), err: ran.stderr.toString().trim() };
}

if (import.meta.main) {
  for (const name of FIREWALLS) {
    const refused = fetchDebs(name);
    if (refused !== "") process.exitCode = 1;
    console.log(`${name}: ${refused === "" ? `in ${CACHE}` : refused}`);
  }
}
