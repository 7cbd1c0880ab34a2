import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Debian packages of real firewalls, for the boxes that tests try them in. They are fetched once into a folder outside the
 * repository and never installed on this machine. `bun run test/netup/debs.ts` fetches all of them beforehand.
 */

export const FIREWALLS = ["firewalld", "ufw"] as const;

export const CACHE = process.env.TCPNET_DEBS ?? join(tmpdir(), "tcpnet-debs");

const DOWNLOAD_LIMIT_MS = 120_000;

/** The files of a package and of what it needs and this machine lacks; or, in words, why they cannot be had. */
export function debs(name: (typeof FIREWALLS)[number]): string[] | string {
  if (Bun.which("apt-get") === null) return "this is no Debian: there is no apt-get";
  const simulated = run(["apt-get", "-s", "install", "--no-install-recommends", name]);
  if (simulated.code !== 0)
    return `apt-get does not know ${name}: ${simulated.err.split("\n")[0]} (apt-get update helps)`;
  const wanted = [...simulated.out.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/gm)].map((match) => ({
    package: match[1]!.replace(/:.*$/, ""),
    version: match[2]!,
  }));
  mkdirSync(CACHE, { recursive: true });
  const missing = wanted.filter((each) => fileOf(each) === undefined);
  if (missing.length > 0) {
    const names = missing.map((each) => `${each.package}=${each.version}`);
    const fetched = run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", ...names]);
    if (fetched.code !== 0) return `could not download ${names.join(", ")}: ${fetched.err.split("\n").at(-1)}`;
  }
  const files = wanted.map(fileOf);
  if (files.some((file) => file === undefined)) return `a package for ${name} is not in ${CACHE} after its download`;
  return files as string[];
}

function fileOf(wanted: { package: string; version: string }): string | undefined {
  const start = `${wanted.package}_${wanted.version.replaceAll(":", "%3a")}_`;
  const file = existsSync(CACHE) ? readdirSync(CACHE).find((each) => each.startsWith(start)) : undefined;
  return file === undefined ? undefined : join(CACHE, file);
}

function run(argv: string[]): { code: number; out: string; err: string } {
  const ran = Bun.spawnSync(argv, {
    cwd: existsSync(CACHE) ? CACHE : "/",
    stdout: "pipe",
    stderr: "pipe",
    timeout: DOWNLOAD_LIMIT_MS,
    env: { ...process.env, LC_ALL: "C" },
  });
  return { code: ran.exitCode ?? 1, out: ran.stdout.toString(), err: ran.stderr.toString().trim() };
}

if (import.meta.main) {
  for (const name of FIREWALLS) {
    const files = debs(name);
    if (typeof files === "string") {
      console.error(`${name}: ${files}`);
      process.exitCode = 1;
    } else console.log(`${name}: ${files.length} packages in ${CACHE}`);
  }
}
