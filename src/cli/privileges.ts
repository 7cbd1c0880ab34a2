/**
 * How root is given up (docs/adr/0052). A command that reads packets first opens everything that needs privileges: the device, the
 * files of the command line, the control socket. Then the program executes itself as another user, without capabilities, and
 * finds the open descriptors by the same names. Nothing is read from the device until then.
 */
import { readdirSync, readFileSync } from "node:fs";
import { errnoWords } from "#ffi/errno";
import * as rights from "#ffi/privileges";
import { lendOpening, withoutWaiting } from "#observe/writer";
import { type Account, type AccountFiles, accountFiles, accountFor, maps, nobody, ownCaller } from "./accounts.ts";
import { endWithShell, leaveShellBehind } from "./afterwards.ts";
import { executeAgain } from "./again.ts";
import { CliError, usageError } from "./cli-error.ts";
import { EXIT_PERMISSION } from "./exit-codes.ts";
import type { Flags } from "./flags.ts";
import { HANDOVER, handover, RUNS_AS } from "./handover.ts";
import { openAsRoot } from "./named-files.ts";
import { STDERR, STDOUT } from "./print.ts";
import { compiled } from "./program.ts";

/** What to do with root's privileges. */
export type Decision =
  /** Nothing: there are none, or --keep-root was given. */
  | { readonly kind: "keep" }
  /** The program goes on as another user. */
  | { readonly kind: "become"; readonly account: Account }
  /** In a user namespace that maps only root: give up capabilities. */
  | { readonly kind: "bare" };

/** The facts for the decision. */
export interface Situation {
  readonly uid: number;
  /** The caller of sudo. */
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
    throw usageError(
      `--user ${user} is for root`,
      "only root can become another user",
      "use sudo, or leave out --user",
    );
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
/** Set if the user may not read the program's file: it then becomes that user after it was loaded. */
const LATE = "late";

let decision: Decision = { kind: "keep" };

/** Decides what to do with root's privileges, for a program that starts others. Throws CliError. */
export function checkRights(flags: Flags): Decision {
  const uid = process.geteuid?.() ?? -1;
  if (flags.has("keep-root")) openAsRoot();
  const read = (name: string) => (uid === 0 ? readFileSync(`/proc/self/${name}`, "utf8") : "");
  const maps = { uidMap: read("uid_map"), gidMap: read("gid_map") };
  return decide(flags, { uid, caller: ownCaller, files: accountFiles(), ...maps });
}

/** The same for a program that reads packets, before it opens anything. */
export function prepareRights(flags: Flags): void {
  const isLate = handover.word(LATE) !== undefined;
  if (!handover.isReceived || isLate) decision = checkRights(flags);
  if (handover.isReceived) takeOver();
  else handover.isPending = decision.kind !== "keep";
}

/** What was made for the second life, and not under the name of something that is opened in both. */
function takeOver(): void {
  endWithShell();
  for (const fd of OUTPUTS) {
    const opening = handover.take(`output ${fd}`);
    if (opening !== undefined) lendOpening(fd, opening);
  }
}

/** Standard output and standard error. Only root can open root's pipe or terminal once more. */
const OUTPUTS = [STDOUT, STDERR];

function openOutputsAgain(): void {
  for (const fd of OUTPUTS) {
    const opening = withoutWaiting(fd);
    if (opening >= 0) handover.keep(`output ${fd}`, opening);
  }
}

/** Whether root will be given up, so that privileged work must be done before that, or later by the shell of `afterwards`. */
export function willGiveUpRoot(): boolean {
  return handover.isPending;
}

/** The user of the program after it gave up root; null if it did not. */
export function runsAs(): string | null {
  return handover.word(RUNS_AS) ?? null;
}

/**
 * Gives up root, if that was decided. In the first life it does not return: the program starts again without privileges, and
 * calls this once more to verify that.
 */
export async function giveUpRoot(): Promise<void> {
  if (handover.isPending) beginAgain();
  if (!handover.isReceived) return;
  if (handover.word(LATE) !== undefined && decision.kind === "become") {
    // Modules loaded later could not be read any more.
    await import("./report-error.ts");
    rights.become(decision.account);
  }
  verify(Number(handover.word(UID)));
  rights.refuseTracing();
  // The program was executed as /proc/self/exe.
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
  const failed = executeAgain(process.argv.slice(2), { [HANDOVER]: handover.handOver() });
  throw new CliError(EXIT_PERMISSION, "root cannot be given up", `execve: ${errnoWords(-failed)}`, FIX);
}

/** Capabilities to load the program from a place that only root may read, and then to become the user. */
const NEEDED_LATE = [rights.CAP_DAC_READ_SEARCH, rights.CAP_SETUID, rights.CAP_SETGID];
const FIX = "to stay root: --keep-root";

/** Whether that user may run this program. It may be in /root, for example. */
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

/** The privileges that no thread of this process may have. */
const CAPABILITIES = ["CapInh", "CapPrm", "CapEff", "CapAmb"];

/** Verifies that no thread has a privilege left. Otherwise nothing is read from the device. */
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
