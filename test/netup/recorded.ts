import type { System } from "#netup/run";

/**
 * A machine made of answers: commands by how they begin, files by path. What is not told fails as a command does that is
 * not there. Everything that was run, written or removed is kept in `log`.
 */
export class Recorded implements System {
  readonly log: string[] = [];
  readonly files = new Map<string, string>();
  readonly links = new Map<string, string>();
  readonly answers: [string, string | number][] = [];
  readonly missing = new Set<string>();
  /** Files that somebody else may have made, and why. */
  readonly suspects = new Map<string, string>();
  networkCookie: string | null = "7";
  env: Record<string, string | undefined> = {};
  uid = 0;

  constructor() {
    this.files.set("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff");
    this.files.set("/proc/sys/kernel/osrelease", "6.12.0");
    this.files.set("/proc/sys/kernel/random/boot_id", "boot-1");
    this.files.set("/proc/sys/net/ipv4/ip_forward", "0");
    this.files.set("/proc/sys/net/ipv4/conf/default/forwarding", "0");
    this.files.set("/proc/sys/net/ipv6/conf/all/forwarding", "0");
    this.links.set("/proc/self/ns/net", "net:[4026531840]");
    this.tell("stat -L -c %a /dev/net/tun", "666");
    this.tell("ip -4 -j route", "[]");
    this.tell("ip -6 -j route", "[]");
    this.tell("ip -d -s -j addr", "[]");
    this.tell("nft -j list ruleset", `{"nftables": []}`);
    this.tell("firewall-cmd --state", 252);
    this.tell("nmcli", "");
  }

  /** From now on a command that begins so answers this output, or fails with this code. The latest word counts. */
  tell(command: string, answer: string | number): this {
    this.answers.unshift([command, answer]);
    return this;
  }

  without(...tools: string[]): this {
    for (const tool of tools) this.missing.add(tool);
    return this;
  }

  run(argv: readonly string[]) {
    const text = argv.join(" ");
    this.log.push(text);
    if (this.missing.has(argv[0]!)) return { code: 127, out: "", err: "not found" };
    const answer = this.answers.find(([start]) => text.startsWith(start))?.[1] ?? 1;
    return typeof answer === "string"
      ? { code: 0, out: answer, err: "" }
      : { code: answer, out: "", err: `said ${answer}` };
  }

  which(tool: string) {
    return this.missing.has(tool) ? null : `/usr/sbin/${tool}`;
  }

  read(path: string) {
    return this.files.get(path) ?? null;
  }

  link(path: string) {
    return this.links.get(path) ?? null;
  }

  write(path: string, text: string) {
    if (!this.files.has(path)) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    this.log.push(`${path} = ${text}`);
    this.files.set(path, text);
  }

  save(path: string, text: string) {
    this.files.set(path, text);
  }

  lock() {
    return () => {};
  }

  distrust(path: string) {
    return this.suspects.get(path) ?? "";
  }

  sweep(): string[] {
    return [];
  }

  cookie(): string | null {
    return this.networkCookie;
  }

  remove(path: string) {
    this.files.delete(path);
  }
}

/** One entry of `ip -d -s -j addr show`. */
export function tunJson(name: string, alias: string, address: string | null, user: string | null, up = true): object {
  return {
    ifname: name,
    flags: up ? ["POINTOPOINT", "NOARP", "UP"] : ["POINTOPOINT"],
    mtu: 1500,
    txqlen: 2000,
    ...(alias === "" ? {} : { ifalias: alias }),
    linkinfo: { info_kind: "tun", info_data: { type: "tun", ...(user === null ? {} : { user }) } },
    addr_info: address === null ? [] : [{ local: address.split("/")[0], prefixlen: Number(address.split("/")[1]) }],
  };
}
