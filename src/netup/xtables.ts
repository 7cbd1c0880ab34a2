import { Prefix, parsePrefix } from "#ip/prefix";
import { isDeviceName } from "./options.ts";
import type { Ran } from "./run.ts";

/** The comment that marks a rule of ours in somebody else's chain. */
export const COMMENT = "tcpnet";

/** The commands that netup edits a table with. */
export const BINARIES = ["iptables", "ip6tables"].flatMap((plain) => [plain, `${plain}-nft`, `${plain}-legacy`]);

/** A rule of an iptables chain, as `-S` prints it after `-A CHAIN`, and its counter. */
export interface XtRule {
  readonly chain: string;
  readonly spec: string;
  readonly packets: number;
  readonly bytes: number;
}

/** The filter table of one flavour of iptables and one family, seen by the binary that owns it. */
export interface XtFilter {
  readonly flavour: "nft" | "legacy";
  readonly family: 4 | 6;
  /** The command that shows and edits this table: iptables-nft, iptables-legacy, ip6tables … */
  readonly binary: string;
  readonly policies: Readonly<Record<string, string>>;
  readonly chains: readonly string[];
  readonly rules: readonly XtRule[];
}

/** Reads `iptables -v -S`; null where it said nothing. */
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
 * The chain that our two rules belong in, or null where nothing can drop a forwarded packet. Docker keeps DOCKER-USER
 * for such rules and never touches it; it is right only where FORWARD asks it before anything else.
 */
export function trustChain(filter: XtFilter): string | null {
  const forward = filter.rules.filter((rule) => rule.chain === "FORWARD" && !isOurs(rule));
  if (filter.policies.FORWARD !== "DROP" && forward.length === 0) return null;
  return forward[0]?.spec === "-j DOCKER-USER" ? "DOCKER-USER" : "FORWARD";
}

/** Who wrote this table, for people. */
export function filterOwner(filter: XtFilter): string {
  const tool = `iptables-${filter.flavour}${filter.family === 6 ? " (IPv6)" : ""}`;
  if (filter.chains.some((chain) => /^ufw6?-/.test(chain))) return `ufw (${tool})`;
  if (filter.chains.includes("DOCKER-USER")) return `Docker (${tool})`;
  return tool;
}

/** A rule between two interfaces and no others: never more than the lab is opened. */
export function acceptSpec(from: string, to: string): string[] {
  return ["-i", from, "-o", to, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"];
}

/** What comes back from the uplink to what the lab began, and nothing that begins outside. */
export function acceptReplySpec(uplink: string, to: string): string[] {
  const replies = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"];
  return ["-i", uplink, "-o", to, ...replies, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"];
}

const isInterface = (word: string) => isDeviceName(word) && !word.startsWith("-");
const oneOf =
  (...words: readonly string[]) =>
  (word: string) =>
    words.includes(word);

/** What may stand behind each word of a rule of ours. iptables shows NOTRACK as `CT --notrack`. */
const VALUES: Readonly<Record<string, (word: string) => boolean>> = {
  "-i": isInterface,
  "-o": isInterface,
  "-d": (word) => parsePrefix(word) instanceof Prefix,
  "-m": oneOf("comment", "conntrack"),
  "--comment": oneOf(COMMENT),
  "--ctstate": oneOf("RELATED,ESTABLISHED"),
  "-j": oneOf("ACCEPT", "NOTRACK", "CT"),
};

/** Whether a rule says no more than the rules that netup makes: our comment alone does not make it ours. */
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
