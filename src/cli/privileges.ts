/**
 * How root is given up (docs/adr/0052). A command that reads packets opens everything that takes rights first: the device, the
 * files of the command line, the control socket. Then the program executes itself as another user, without capabilities, and
 * finds there under the same names what was opened before. Nothing is read from the device until then.
 */
import { readdirSync, readFileSync } from "node:fs";
import { errnoWords } from "#ffi/errno";
import * as rights from "#ffi/privileges";
import { lendOpening, withoutWaiting } from "#observe/writer";
import { type Account, type AccountFiles, accountFiles, accountFor, maps, nobody, ownCaller } from "./accounts.ts";
import { endWithShell, leaveShellBehind } from "./afterwards.ts";
import { executeAgain } from "./again.ts";
import { CliError, usageError } from "./cli-error.ts";
import { withoutLastCompiler, withoutLastCompilerOption } from "./compiler-tiers.ts";
import { EXIT_PERMISSION } from "./exit-codes.ts";
import type { Flags } from "./flags.ts";
import { HANDOVER, handover, RUNS_AS } from "./handover.ts";
import { openAsRoot } from "./named-files.ts";
import { STDERR, STDOUT } from "./print.ts";
import { compiled } from "./program.ts";

/** What becomes of root's rights. */
export type Decision =
  /** Nothing: there are none, or they are to be kept. */
  | { readonly kind: "keep" }
  /** The program goes on as another user. */
  | { readonly kind: "become"; readonly account: Account }
  /** There is no other user here, in a user namespace that maps root alone: capabilities are given up. */
  | { readonly kind: "bare" };

/** What a decision rests on. */
export interface Situation {
  readonly uid: number;
  /** Who called sudo. */
  readonly caller: (files: AccountFiles) => Account | null;
  readonly files: AccountFiles;
  /** /proc/self/uid_map and gid_map. */
  readonly uidMap: string;
  readonly gidMap: string;
}

/** Reads --user and --keep-root. Throws CliError. */
export function decide(flags: Flags, { uid, caller, files, uidMap, gidMap }: Situation): Decision {
  const user = flags.text("user");
  const keep = flags.has("keep-root");
  if (user !== undefined && keep) throw usageError("--user and --keep-root exclude each other");
  const wanted = user === undefined ? null : accountFor(user, files);
  if (uid !== 0) {
    if (wanted === null || wanted.uid === uid) return { kind: "keep" };
    throw usageError(`--user ${user} is for root`, "only root can go on as somebody else", "sudo, or leave it out");
  }
  if (wanted?.uid === 0) throw usageError(`--user ${user} is root itself`, "", "use --keep-root");
  if (keep) return { kind: "keep" };
  const account = wanted ?? caller(files) ?? nobody(files);
  if (maps(uidMap, account.uid) && maps(gidMap, account.gid)) return { kind: "become", account };
  if (wanted === null) return { kind: "bare" };
  throw new CliError(
    EXIT_PERMISSION,
    `this program cannot go on as ${account.name}`,
    `this user namespace has no user ${account.uid}, or no group ${account.gid}`,
    "leave --user out: capabilities are given up all the same",
  );
}

const UID = "uid";
/** Set where the program's own file may not be read by the user: it becomes that user once it has been loaded. */
const LATE = "late";

let decision: Decision = { kind: "keep" };

/** Decides what becomes of root's rights, for a program that starts others. Throws CliError. */
export function checkRights(flags: Flags): Decision {
  const uid = process.geteuid?.() ?? -1;
  if (flags.has("keep-root")) openAsRoot();
  const read = (name: string) => (uid === 0 ? readFileSync(`/proc/self/${name}`, "utf8") : "");
  const maps = { uidMap: read("uid_map"), gidMap: read("gid_map") };
  return decide(flags, { uid, caller: ownCaller, files: accountFiles(), ...maps });
}

/** The same for a program that reads packets, before it opens anything. @param args the command line */
export async function prepareRights(flags: Flags, args: readonly string[]): Promise<void> {
  const isLate = handover.word(LATE) !== undefined;
  if (!handover.isReceived || isLate) decision = checkRights(flags);
  if (handover.isReceived) takeOver();
  else if (decision.kind === "keep") await withoutLastCompiler(args);
  else handover.isPending = true;
}

/** What was made for the second life, and not under the name of something that is opened in both. */
function takeOver(): void {
  endWithShell();
  for (const fd of OUTPUTS) {
    const opening = handover.take(`output ${fd}`);
    if (opening !== undefined) lendOpening(fd, opening);
  }
}

/** Standard output and standard error. A pipe or terminal of root's can be opened once more by root alone. */
const OUTPUTS = [STDOUT, STDERR];

function openOutputsAgain(): void {
  for (const fd of OUTPUTS) {
    const opening = withoutWaiting(fd);
    if (opening >= 0) handover.keep(`output ${fd}`, opening);
  }
}

/** Whether root will be given up, so that what takes its rights must be done before, or afterwards by somebody else. */
export function willGiveUpRoot(): boolean {
  return handover.isPending;
}

/** Whom the program runs as since it gave root up; null where it did not. */
export function runsAs(): string | null {
  return handover.word(RUNS_AS) ?? null;
}

/**
 * Gives root up, if that was decided. In the first life it does not return: the program begins again without root's rights, and
 * comes here once more, to make sure of them.
 */
export async function giveUpRoot(): Promise<void> {
  if (handover.isPending) beginAgain();
  if (!handover.isReceived) return;
  if (handover.word(LATE) !== undefined && decision.kind === "become") {
    // What is loaded only when it is needed cannot be read any more.
    await import("./report-error.ts");
    rights.become(decision.account);
  }
  verify(Number(handover.word(UID)));
  rights.refuseTracing();
  // It was executed as /proc/self/exe.
  rights.setName("tcpnet");
}

function beginAgain(): never {
  const account = decision.kind === "become" ? decision.account : null;
  const late = account !== null && !canStartAs(account);
  openOutputsAgain();
  leaveShellBehind();
  handover.say(RUNS_AS, account?.name ?? "root of this user namespace, without its capabilities");
  handover.say(UID, `${account?.uid ?? 0}`);
  if (late) handover.say(LATE, "yes");
  rights.dropBoundingSet(late ? NEEDED_LATE : []);
  rights.clearAmbientSet();
  rights.setNoNewPrivileges();
  if (!late) {
    if (account !== null) orExplain(account, () => rights.become(account));
    rights.dropCapabilities();
  }
  const told = { ...withoutLastCompilerOption(), [HANDOVER]: handover.handOver() };
  const failed = executeAgain(process.argv.slice(2), told);
  throw new CliError(EXIT_PERMISSION, "root cannot be given up", `execve: ${errnoWords(-failed)}`, FIX);
}

/** To load the program from where only root may read, and then to become the user. */
const NEEDED_LATE = [rights.CAP_DAC_READ_SEARCH, rights.CAP_SETUID, rights.CAP_SETGID];
const FIX = "to stay root: --keep-root";

/** Whether that user may run this very program. What lies in /root, say, is nobody's to read. */
function canStartAs(account: Account): boolean {
  const sources = compiled ? [] : [new URL("./main.ts", import.meta.url).pathname];
  const may = () => rights.mayExecute("/proc/self/exe") && sources.every(rights.mayRead);
  return orExplain(account, () => rights.actAs(account, may));
}

function orExplain<T>({ name }: Account, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CliError(EXIT_PERMISSION, `root cannot go on as ${name}`, (error as Error).message, FIX);
  }
}

/** What every thread of this process must have none of. */
const CAPABILITIES = ["CapInh", "CapPrm", "CapEff", "CapAmb"];

/** No thread has a right of root left; else nothing is read from the device. */
function verify(uid: number): void {
  for (const thread of readdirSync("/proc/self/task")) {
    const status = readFileSync(`/proc/self/task/${thread}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
    const ids = field("Uid").split(/\s+/).map(Number);
    const bare = CAPABILITIES.every((name) => /^0+$/.test(field(name)));
    if (bare && field("NoNewPrivs") === "1" && ids.every((id) => id === uid)) continue;
    throw new Error(`thread ${thread} (${field("Name")}) still has rights of root`);
  }
}
