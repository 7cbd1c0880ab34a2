/**
 * The process in the command's namespaces: it makes the device, hands it to the process outside, starts the command and waits for it. It is
 * the first process of a PID namespace, so when it ends the kernel ends whatever the command has left. It ends with the command, and when
 * the process outside is gone.
 */
import { unlinkSync, writeFileSync, writeSync } from "node:fs";
import { closeTunQueue, openTunQueues } from "#device/tun";
import { reapOthers } from "#ffi/children";
import { ENOENT, errnoWords } from "#ffi/errno";
import { closeOnExec } from "#ffi/exec";
import * as netif from "#ffi/interface";
import { bindMount, mountMemory, mountProc, unmount } from "#ffi/mount";
import { sendDescriptor } from "#ffi/pass-descriptor";
import { clearAmbientSet } from "#ffi/privileges";
import { check } from "#ffi/system-error";
import { addressBytes } from "#ip/address";
import { inWords } from "../cli-error.ts";
import { GUEST_4, GUEST_6, type Order, type Plan, type Told, TUN, TUN_QUEUE } from "./network.ts";

/** The socket to the process outside. */
export const SOCKET_FD = 3;
/** Its orders, as lines of JSON: the plan, then each an `Order`; it is closed when that process ends. */
export const ORDERS_FD = 4;

/** A shell's codes for a command that cannot be started. */
const EXIT_NOT_EXECUTABLE = 126;
const EXIT_NOT_FOUND = 127;

export async function runInsideNamespaces(): Promise<number> {
  // The keyboard sends these to all processes in front; whether they end anything is the command's decision.
  for (const signal of ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  closeOnExec(SOCKET_FD, true);
  closeOnExec(ORDERS_FD, true);
  const orders = linesOf(Bun.file(ORDERS_FD).stream());
  const first = await orders.next();
  if (first.done === true) return 1;
  const plan = JSON.parse(first.value) as Plan;
  let warnings: string[];
  try {
    warnings = setUp(plan);
  } catch (error) {
    const { exitCode: code, what, why, fix } = inWords(error);
    tell({ kind: "failed", code, what, why, fix });
    return code;
  }
  tell({ kind: "ready", warnings });
  const { value, done } = await orders.next();
  if (done === true) return 1;
  const order = JSON.parse(value) as Order;
  if (order.kind === "start") return await follow(plan, order.leftover, orders);
  // It came before the command, which therefore never starts.
  tell({ kind: "ended", code: 0, signal: order.signal });
  return 0;
}

/** Makes the network, and hands the device out. Returns warnings. Throws SystemError. */
function setUp({ mtu, offload, checksums, resolvConf }: Plan): string[] {
  const warnings: string[] = [];
  check(netif.setFlags("lo", netif.IFF_UP), "SIOCSIFFLAGS", "lo");
  const prefix = { address: addressBytes(GUEST_4.address), length: GUEST_4.bits };
  const [fd] = openTunQueues({ name: TUN, prefix, mtu, queueLength: TUN_QUEUE, offload, checksums }, 1) as [number];
  check(netif.addDefaultRoute4(TUN), "SIOCADDRT", TUN);
  if (!addIPv6()) warnings.push("the command has no IPv6: this kernel has none, or does not allow it");
  allowPing();
  const resolver = resolvConf === "" ? "" : showResolvConf(resolvConf);
  if (resolver !== "") warnings.push(resolver);
  const shown = mountProc();
  if (shown < 0) warnings.push(`the command sees the processes of this machine in /proc: ${errnoWords(-shown)}`);
  check(sendDescriptor(SOCKET_FD, fd), "sendmsg", "the device");
  closeTunQueue(fd);
  return warnings;
}

/** Any group may ping, or, if the namespace of users knows only one, that one. */
function allowPing(): void {
  const range = "/proc/sys/net/ipv4/ping_group_range";
  const one = process.getegid!();
  if (!write(range, "0 2147483647")) write(range, `${one} ${one}`);
}

function addIPv6(): boolean {
  const conf = `/proc/sys/net/ipv6/conf/${TUN}`;
  // No link-local address, so that the kernel sends nothing by itself.
  write(`${conf}/addr_gen_mode`, "1");
  write(`${conf}/disable_ipv6`, "0");
  return netif.addAddress6(TUN, addressBytes(GUEST_6.address), GUEST_6.bits) === 0 && netif.addDefaultRoute6(TUN) === 0;
}

/**
 * Puts a file over /etc/resolv.conf, in this mount namespace. It lies in memory that was never in a folder of the machine, so nothing can be
 * left of it. Returns a warning if that is not possible, or "".
 */
function showResolvConf(text: string): string {
  // It is there on every Linux, and only covered for a moment, for this process.
  const folder = "/sys";
  const made = mountMemory(folder);
  if (made < 0) return asItIs(made);
  try {
    writeFileSync(`${folder}/resolv.conf`, text, { mode: 0o644 });
    const result = bindMount(`${folder}/resolv.conf`, "/etc/resolv.conf");
    if (result === -ENOENT) return NO_RESOLV_CONF;
    return result < 0 ? asItIs(result) : "";
  } finally {
    unmount(folder);
  }
}

const NO_RESOLV_CONF =
  "the command cannot resolve names: there is no file /etc/resolv.conf that could be replaced for it; an empty one is enough";

const asItIs = (result: number) => `the command uses this machine's /etc/resolv.conf as it is: ${errnoWords(-result)}`;

/** Returns whether it was possible: the file may be read-only, or not in this kernel. */
function write(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}

/** Runs the command, and passes on signals, until it ends. @param leftover a file to remove then */
async function follow(plan: Plan, leftover: string, orders: AsyncGenerator<string>): Promise<number> {
  const [name = ""] = plan.command;
  // The command's user gets no rights over the namespaces, unless it looks like root.
  if (process.geteuid?.() !== 0) clearAmbientSet();
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn(plan.command as string[], { env: plan.env, stdio: ["inherit", "inherit", "inherit"] });
  } catch (error) {
    const exit = (error as NodeJS.ErrnoException).code === "ENOENT" ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    const what = `${name === "" ? "an empty word" : name} cannot be started`;
    tell({ kind: "failed", code: exit, what, why: whyNotStarted(name, error as NodeJS.ErrnoException), fix: "" });
    return exit;
  }
  process.on("SIGCHLD", () => reapOthers(child.pid));
  const outside = (async () => {
    for await (const line of orders) {
      const order = JSON.parse(line) as Order;
      if (order.kind === "signal") child.kill(order.signal);
    }
    return "gone" as const;
  })();
  const end = await Promise.race([child.exited, outside]);
  if (leftover !== "") remove(leftover);
  // The kernel ends the command and all that it has started.
  if (end === "gone") return 1;
  tell({ kind: "ended", code: child.exitCode ?? 0, signal: child.signalCode === null ? null : `${child.signalCode}` });
  return 0;
}

function whyNotStarted(name: string, error: NodeJS.ErrnoException): string {
  if (error.code === "EACCES") return "it may not be executed";
  if (error.code !== "ENOENT") return `${error}`;
  return name.includes("/")
    ? "there is no such file, or the interpreter in its first line is missing"
    : "there is no such program in PATH";
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The process outside has removed it.
  }
}

function tell(told: Told): void {
  try {
    writeSync(SOCKET_FD, `${JSON.stringify(told)}\n`);
  } catch {
    // The process outside is gone.
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
