/**
 * What the programs that we start see of our own environment. A variable can make a program load code (LD_PRELOAD, XTABLES_LIBDIR,
 * BUN_OPTIONS) or look for its parts elsewhere (PATH, DBUS_SYSTEM_BUS_ADDRESS), and we commonly run as root: so they get
 * what is listed here and nothing else (docs/adr/0051).
 */

/** Where root's tools are looked for. NixOS has its own folder. */
const ROOT_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/run/current-system/sw/bin";

/** Variables that our own program needs when it is started again: none of them names code, or a file to write to. */
const KEPT = [
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TERM",
  "COLORTERM",
  "NO_COLOR",
  "FORCE_COLOR",
  "TZ",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "SUDO_USER",
  "SUDO_UID",
  "SUDO_GID",
  "BUN_JSC_useFTLJIT",
];

type Environment = Readonly<Record<string, string | undefined>>;

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** PATH for the programs that we start: fixed for root; for others their own, and the folders of administrators' tools. */
export function toolPath(own: string = process.env.PATH ?? "", root: boolean = isRoot()): string {
  // An empty part of a PATH means the current directory.
  return root || own === "" ? ROOT_PATH : `${own}:${ROOT_PATH}`;
}

/** Where a tool is; null if it is not installed. */
export function findTool(name: string): string | null {
  return Bun.which(name, { PATH: toolPath() });
}

/** The whole environment of a tool such as `ip`: what it prints is read, so it speaks English. */
export function toolEnvironment(): Record<string, string> {
  return { PATH: toolPath(), LC_ALL: "C" };
}

/** The environment of this very program when it starts itself again, with what it tells itself. */
export function ownEnvironment(told: Environment = {}, from: Environment = process.env): Record<string, string> {
  const kept = KEPT.map((name) => [name, from[name]] as const);
  // From source: a cache of compiled sources that somebody else can write to is code.
  const own = { PATH: toolPath(from.PATH), BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };
  const all = [...Object.entries(own), ...kept, ...Object.entries(told)];
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
