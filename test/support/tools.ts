/**
 * The programs that tests use beside Bun, and the Debian package of each. This is the only list: `bun run test` installs
 * what is missing of it, and a test names the programs that it needs (`needs: ["ping"]`) and is skipped without them.
 */
export const TOOLS = {
  ip: "iproute2",
  ss: "iproute2",
  unshare: "util-linux",
  nsenter: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  fsfreeze: "util-linux",
  "mkfs.ext4": "e2fsprogs",
  nft: "nftables",
  "iptables-nft": "iptables",
  "iptables-legacy": "iptables",
  ping: "iputils-ping",
  nc: "netcat-openbsd",
  socat: "socat",
  curl: "curl",
  wget: "wget",
  git: "git",
  ssh: "openssh-client",
  dropbear: "dropbear-bin",
  dig: "bind9-dnsutils",
  "apt-get": "apt",
  iperf3: "iperf3",
  script: "bsdutils",
  python3: "python3",
  tshark: "tshark",
  dumpcap: "wireshark-common",
  tcpdump: "tcpdump",
  strace: "strace",
  tmux: "tmux",
  chromium: "chromium",
  pg_ctlcluster: "postgresql",
  "redis-server": "redis-server",
  mariadbd: "mariadb-server-core",
} as const satisfies Record<string, string>;

export type Tool = keyof typeof TOOLS;

/** Administrators' programs are in folders that the PATH of ordinary users leaves out. */
const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** `path` with those folders at its end. */
export function withSbin(path = ""): string {
  const folders = path.split(":").filter((folder) => folder !== "");
  return [...folders, ...SBIN.filter((folder) => !folders.includes(folder))].join(":");
}

/** Whether a program is installed here, and is the one that is meant. */
function installed(tool: Tool): boolean {
  const PATH = withSbin(process.env.PATH);
  const found = (name: string) => Bun.which(name, { PATH }) !== null;
  // Debian has two programs called nc, and the other one does not know -N.
  if (tool === "nc" && found("apt-get")) return found("nc.openbsd");
  return found(tool);
}

/** Those of these programs that are missing here. */
export function missingTools(tools = Object.keys(TOOLS) as readonly Tool[]): Tool[] {
  return tools.filter((tool) => !installed(tool));
}

/** The Debian packages of these programs, each once. */
export function packagesOf(tools: readonly Tool[]): string[] {
  return [...new Set(tools.map((tool) => TOOLS[tool]))];
}

/** The line that installs these packages. */
export function installLine(packages: readonly string[]): string {
  return `apt-get install --no-install-recommends ${packages.join(" ")}`;
}

/** Why a test that needs these programs cannot run here, or "". */
export function lacks(tools: readonly Tool[]): string {
  const missing = missingTools(tools);
  if (missing.length === 0) return "";
  return `${missing.join(", ")} not installed (${installLine(packagesOf(missing))})`;
}

/** The programs of the list that a command starts: itself, or the line of a shell. */
export function toolsIn(command: readonly string[]): Tool[] {
  const [program = "", flag, script] = command;
  if (program in TOOLS) return [program as Tool];
  if (program !== "sh" || flag !== "-c" || script === undefined) return [];
  const starts = script.matchAll(/(?<=(?:^|[|;&({\n]|\b(?:exec|then|do|else)\s)\s*)([\w-]+)(?=\s|$)/g);
  return [...starts].map(([, name]) => name!).filter((name): name is Tool => name in TOOLS);
}
