/**
 * The environment of the programs that we start. A variable can make a program load code (LD_PRELOAD, XTABLES_LIBDIR, BUN_OPTIONS) or look
 * for its parts elsewhere (PATH, DBUS_SYSTEM_BUS_ADDRESS), and we commonly run as root: so they get only the variables listed here
 * (docs/adr/0051).
 */

/** Where root looks for tools. The last folder is NixOS's. */
const ROOT_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:/run/current-system/sw/bin";

/** Variables that this program needs when it starts itself again. None of them names code, or a file to write to. */
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

/** PATH for the programs that we start: fixed for root; for other users, their own PATH plus the folders of administrators' tools. */
export function toolPath(own: string = process.env.PATH ?? "", root: boolean = isRoot()): string {
  // An empty part of a PATH means the current directory.
  return root || own === "" ? ROOT_PATH : `${own}:${ROOT_PATH}`;
}

/** The path of a tool; null if it is not installed. */
export function findTool(name: string): string | null {
  return Bun.which(name, { PATH: toolPath() });
}

/** The whole environment of a tool such as `ip`. The language is English, because we parse its output. */
export function toolEnvironment(): Record<string, string> {
  return { PATH: toolPath(), LC_ALL: "C" };
}

/** The environment of this program when it starts itself again. `told` has variables that it passes to itself. */
export function ownEnvironment(told: Environment = {}, from: Environment = process.env): Record<string, string> {
  const kept = KEPT.map((name) => [name, from[name]] as const);
  // When running from source, a cache of compiled sources that another user can write to could inject code.
  const own = { PATH: toolPath(from.PATH), BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };
  const all = [...Object.entries(own), ...kept, ...Object.entries(told)];
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Every variable, for the user's own command, which runs with no more rights than the user has. */
export function wholeEnvironment(): Record<string, string> {
  const all = Object.entries(process.env);
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
