import { type Change, undo } from "./changes.ts";
import { EXIT_NOT_READY, EXIT_PERMISSION, NetupError } from "./errors.ts";
import { commandText, type System, sysctlPath, sysctlText } from "./run.ts";
import type { Ledger } from "./state.ts";
import type { Action, Step } from "./step.ts";

/** The command a person would type for this action. */
export function actionText(action: Action): string {
  if ("run" in action) return commandText(action.run);
  if ("sysctl" in action) return `sysctl -w ${sysctlText(action.sysctl)}=${action.value}`;
  const { binary, table, chain, spec } = action.insert;
  return commandText([binary, ...(table === "filter" ? [] : ["-t", table]), "-I", chain, ...spec]);
}

/** Does all steps or none: if a step fails, the steps before it are undone and a NetupError is thrown. */
export function apply(system: System, steps: readonly Step[], ledger: Ledger): void {
  const made: Change[] = [];
  for (const step of steps) {
    try {
      applyStep(system, step, ledger, made);
    } catch (error) {
      const undone = made.reverse().map((change) => {
        const result = undo(system, change);
        if (result.outcome !== "failed") ledger.forget(change);
        return result;
      });
      const stuck = undone.filter((each) => each.outcome === "failed").map((each) => each.text);
      throw withAftermath(error, stuck);
    }
  }
}

function withAftermath(error: unknown, stuck: readonly string[]): unknown {
  if (!(error instanceof NetupError)) return error;
  const aftermath = stuck.length === 0 ? "all changes were undone" : `could not be undone: ${stuck.join("; ")}`;
  return new NetupError(error.exitCode, error.message, `${error.why} (${aftermath})`, error.fix);
}

function applyStep(system: System, step: Step, ledger: Ledger, made: Change[]): void {
  const change = step.change === null ? null : prepared(system, step.change);
  if (change !== null && isDone(system, change)) return;
  if (change !== null) {
    // Recorded by an earlier netup and undone by somebody since. Make it again, and keep the record if this run fails.
    if (ledger.record(change)) made.push(change);
  }
  for (const action of step.actions) perform(system, step, action);
}

/** The change, with the value that the sysctl has right before it is set. */
function prepared(system: System, change: Change): Change {
  if (change.what !== "sysctl") return change;
  return { ...change, before: system.read(sysctlPath(change.key)) };
}

function isDone(system: System, change: Change): boolean {
  if (change.what === "sysctl") return change.before === change.after;
  if (change.what !== "rule") return false;
  const { binary, table, chain, spec } = change;
  return system.run([binary, "-w", "5", "-t", table, "-C", chain, ...spec]).code === 0;
}

function perform(system: System, step: Step, action: Action): void {
  if ("sysctl" in action) {
    try {
      system.write(sysctlPath(action.sysctl), action.value);
    } catch (error) {
      throw failure(step, action, (error as Error).message);
    }
    return;
  }
  if ("insert" in action) {
    const { binary, table, chain, spec } = action.insert;
    const ran = system.run([binary, "-w", "5", "-t", table, "-I", chain, ...spec]);
    if (ran.code !== 0) throw failure(step, action, ran.err);
    return;
  }
  const ran = system.run(action.run, action.stdin);
  if (ran.code !== 0) throw failure(step, action, ran.err || ran.out.trim() || `exit ${ran.code}`);
}

function failure(step: Step, action: Action, why: string): NetupError {
  const denied = /permi(?:tted|ssion)|EACCES|EPERM/i.test(why);
  const code = denied ? EXIT_PERMISSION : EXIT_NOT_READY;
  const said = why.split("\n")[0]!;
  return new NetupError(
    code,
    `${step.subject}: ${step.title}: failed`,
    `${actionText(action)}: ${said}`,
    hint(why, denied),
  );
}

function hint(why: string, denied: boolean): string {
  if (/EROFS|read-only/i.test(why)) return "this is a container with a read-only /proc/sys: start it with --privileged";
  if (/TUNSETOWNER/.test(why))
    return "the user does not exist in this user namespace: use --user NAME, or --user root for root only";
  if (/inappropriate ioctl/i.test(why))
    return "/dev/net/tun is not the TUN driver: remove it, then sudo mknod /dev/net/tun c 10 200";
  if (/ENOENT|no such (?:file|device)/i.test(why)) return "sudo modprobe tun, and check that /proc is mounted";
  if (denied) return "run it as root with CAP_NET_ADMIN: sudo, or --cap-add NET_ADMIN for a container";
  if (/not supported|unknown|could not process rule/i.test(why))
    return "a kernel module is missing: sudo modprobe nf_tables nft_ct nft_fib_inet";
  return "run `tcpnet status` to see what is set up, then try again";
}
