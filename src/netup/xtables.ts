import { Prefix, parsePrefix } from "#ip/prefix";
import { isDeviceName } from "./options.ts";
import type { Ran } from "./run.ts";

/** The comment that marks our rules in the chains of others. */
export const COMMENT = "tcpnet";

/** The commands that netup may use to edit a table. */
export const BINARIES = ["iptables", "ip6tables"].flatMap((plain) => [plain, `${plain}-nft`, `${plain}-legacy`]);

/** A rule of an iptables chain, as `-S` prints it after `-A CHAIN`, and its counter. */
export interface XtRule {
  readonly chain: string;
  readonly spec: string;
  readonly packets: number;
  readonly bytes: number;
}

/** The filter table of one flavour of iptables and one family, as its binary lists it. */
export interface XtFilter {
  readonly flavour: "nft" | "legacy";
  readonly family: 4 | 6;
  /** The command that shows and edits this table: iptables-nft, iptables-legacy, ip6tables … */
  readonly binary: string;
  readonly policies: Readonly<Record<string, string>>;
  readonly chains: readonly string[];
  readonly rules: readonly XtRule[];
}

/** Parses `iptables -v -S`; null if it printed nothing. */
export function readFilter(binary: string, flavour: "nft" | "legacy", family: 4 | 6, ran: Ran): XtFilter | null {
  if (ran.code !== 0) return null;
  const policies: Record<string, string> = {};
  const chains: string[] = [];
  const rules: XtRule[] = [];
  for (const line of ran.out.split("\n")) {
    const counter = / -c (\d+) (\d+)/.exec(line);
    const words = line.replace(/ -c \d+ \d+/, "").split(" ");
    const [flag, chain] = words;
    if (chain === undefined) continue;
    if (flag === "-P") policies[chain] = words[2] ?? "";
    if (flag === "-P" || flag === "-N") chains.push(chain);
    if (flag === "-A") {
      const spec = words.slice(2).join(" ");
      rules.push({ chain, spec, packets: Number(counter?.[1] ?? 0), bytes: Number(counter?.[2] ?? 0) });
    }
  }
  return { flavour, family, binary, policies, chains, rules };
}

/** Whether the rule carries our comment. */
export function isOurs(rule: XtRule): boolean {
  return ` ${rule.spec} `.includes(` --comment ${COMMENT} `) || rule.spec.includes(`--comment "${COMMENT}"`);
}

/**
 * The chain for our two rules; null if nothing in the table can drop a forwarded packet. Docker reserves DOCKER-USER for
 * such rules, but that works only if it is the first jump in FORWARD.
 */
export function trustChain(filter: XtFilter): string | null {
  const forward = filter.rules.filter((rule) => rule.chain === "FORWARD" && !isOurs(rule));
  if (filter.policies.FORWARD !== "DROP" && forward.length === 0) return null;
  return forward[0]?.spec === "-j DOCKER-USER" ? "DOCKER-USER" : "FORWARD";
}

/** The program that made this table, for messages. */
export function filterOwner(filter: XtFilter): string {
  const tool = `iptables-${filter.flavour}${filter.family === 6 ? " (IPv6)" : ""}`;
  if (filter.chains.some((chain) => /^ufw6?-/.test(chain))) return `ufw (${tool})`;
  if (filter.chains.includes("DOCKER-USER")) return `Docker (${tool})`;
  return tool;
}

/** A rule that accepts packets between the two interfaces only. */
export function acceptSpec(from: string, to: string): string[] {
  return ["-i", from, "-o", to, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"];
}

/** A rule for replies from the uplink to connections of the lab; connections from outside do not match. */
export function acceptReplySpec(uplink: string, to: string): string[] {
  const replies = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"];
  return ["-i", uplink, "-o", to, ...replies, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"];
}

const isInterface = (word: string) => isDeviceName(word) && !word.startsWith("-");
const oneOf =
  (...words: readonly string[]) =>
  (word: string) =>
    words.includes(word);

/** Allowed arguments of each option in our rules. iptables prints NOTRACK as `CT --notrack`. */
const VALUES: Readonly<Record<string, (word: string) => boolean>> = {
  "-i": isInterface,
  "-o": isInterface,
  "-d": (word) => parsePrefix(word) instanceof Prefix,
  "-m": oneOf("comment", "conntrack"),
  "--comment": oneOf(COMMENT),
  "--ctstate": oneOf("RELATED,ESTABLISHED"),
  "-j": oneOf("ACCEPT", "NOTRACK", "CT"),
};

/** Whether netup can have made this rule: besides our comment, it may contain only what netup writes. */
export function isOwnSpec(spec: readonly string[]): boolean {
  const words = spec.filter((word) => word !== "--notrack");
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i]!;
    const value = words[i + 1];
    if (value === undefined || !Object.hasOwn(VALUES, word) || !VALUES[word]!(value)) return false;
  }
  return (
    ["-i", "--comment", "-j"].every((word) => words.includes(word)) && (words.includes("-o") || words.includes("-d"))
  );
}

export function hasRule(filter: XtFilter, chain: string, spec: readonly string[]): boolean {
  const text = spec.join(" ");
  return filter.rules.some((rule) => rule.chain === chain && rule.spec === text);
}
