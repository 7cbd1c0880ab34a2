import { namesOf, symbol } from "../constants/symbols.ts";
import type { Value } from "../language/ast.ts";
import { seconds } from "../language/timing.ts";
import type { Arguments } from "./sockets.ts";

/** `struct msghdr` of recvmsg: its flags and control messages, as returned and as expected by a script. */

/** struct sock_extended_err. */
export interface ExtendedError {
  readonly ee_errno: number;
  readonly ee_origin: number;
  readonly ee_type: number;
  readonly ee_code: number;
  readonly ee_info: number;
  readonly ee_data: number;
}

/** A control message, with the numbers of its level and type. */
export interface Control {
  readonly level: number;
  readonly type: number;
  /** A number, a time (µs of the script), an error; undefined: data that a script can only write as `...`. */
  readonly data:
    | { readonly kind: "number"; readonly value: number }
    | { readonly kind: "time"; readonly usecs: number }
    | { readonly kind: "error"; readonly error: ExtendedError }
    | undefined;
}

/** The expected result of recvmsg; undefined: not compared. */
export interface ExpectedMessage {
  readonly flags: number | undefined;
  /** Without room for control messages they are dropped, and MSG_CTRUNC is set. */
  readonly control: readonly Value[] | undefined;
}

const CTRUNC = symbol("MSG_CTRUNC")!;
const ERROR_FIELDS = ["ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data"] as const;

/** The message of a script's recvmsg. */
export function expectedMessage(call: Arguments, message: Value): ExpectedMessage {
  const control = call.fieldValue(message, "msg_control");
  if (control && control.kind !== "list" && control.kind !== "ellipsis") return call.unsupported("msg_control");
  const free = control?.kind === "ellipsis";
  return {
    flags: free ? undefined : call.field(message, "msg_flags"),
    control: control?.kind === "list" && control.items.length > 0 ? control.items : undefined,
  };
}

/** Differences between flags and control messages and the expected ones. */
export function messageFaults(
  call: Arguments,
  expected: ExpectedMessage,
  flags: number,
  controls: readonly Control[],
  toleranceUsecs: number,
): string[] {
  const faults: string[] = [];
  const lost = expected.control === undefined && controls.length > 0;
  const actual = flags | (lost ? CTRUNC : 0);
  if (expected.flags !== undefined && expected.flags !== actual)
    faults.push(`msg_flags is ${messageFlagNames(actual)}, not ${messageFlagNames(expected.flags)}`);
  if (expected.control === undefined) return faults;
  expected.control.forEach((value, i) => {
    faults.push(...controlFaults(call, value, controls[i], toleranceUsecs));
  });
  for (const further of controls.slice(expected.control.length)) faults.push(`unexpected: ${controlName(further)}`);
  return faults;
}

function controlFaults(
  call: Arguments,
  expected: Value,
  actual: Control | undefined,
  toleranceUsecs: number,
): string[] {
  const [level, type] = [call.field(expected, "cmsg_level"), call.field(expected, "cmsg_type")];
  if (level === undefined || type === undefined)
    return call.unsupported("a control message without cmsg_level and cmsg_type");
  const wanted = controlName({ level, type, data: undefined });
  if (!actual) return [`${wanted} is missing`];
  if (actual.level !== level || actual.type !== type) return [`expected ${wanted}, and found ${controlName(actual)}`];
  const data = call.fieldValue(expected, "cmsg_data");
  if (data === undefined || data.kind === "ellipsis") return [];
  switch (actual.data?.kind) {
    case "number": {
      const value = call.numberOf(data);
      return value === actual.data.value ? [] : [`${wanted} is ${actual.data.value}, not ${value}`];
    }
    case "time":
      return timeFaults(call, wanted, data, actual.data.usecs, toleranceUsecs);
    case "error":
      return errorFaults(call, data, actual.data.error);
    default:
      return call.unsupported(`the data of ${wanted}`);
  }
}

function timeFaults(call: Arguments, name: string, data: Value, usecs: number, toleranceUsecs: number): string[] {
  const [whole, nanoseconds] = [call.field(data, "scm_sec"), call.field(data, "scm_nsec")];
  if (whole === undefined || nanoseconds === undefined) return call.unsupported(`${name} without scm_sec and scm_nsec`);
  const wanted = whole * 1e6 + Math.round(nanoseconds / 1e3);
  return Math.abs(wanted - usecs) <= toleranceUsecs ? [] : [`${name} is ${seconds(usecs)}, not ${seconds(wanted)}`];
}

function errorFaults(call: Arguments, data: Value, error: ExtendedError): string[] {
  return ERROR_FIELDS.flatMap((name) => {
    const wanted = call.field(data, name);
    return wanted === undefined || wanted === error[name] ? [] : [`${name} is ${error[name]}, not ${wanted}`];
  });
}

function controlName({ level, type }: Control): string {
  const name =
    level === symbol("SOL_SOCKET")
      ? namesOf("SCM_", type)
      : level === symbol("SOL_TCP")
        ? namesOf("TCP_CM_", type)
        : type === symbol(level === symbol("SOL_IPV6") ? "IPV6_RECVERR" : "IP_RECVERR")
          ? ["RECVERR"]
          : [];
  return `the control message ${name[0] ?? `${type} of level ${level}`}`;
}

function messageFlagNames(flags: number): string {
  const names: string[] = [];
  for (let bit = 1; bit > 0 && bit <= flags; bit *= 2) {
    if (Math.floor(flags / bit) % 2 === 1) names.push(namesOf("MSG_", bit)[0] ?? `0x${bit.toString(16)}`);
  }
  return names.join("|") || "0";
}
