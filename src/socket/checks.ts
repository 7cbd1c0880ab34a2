/** What checks of arguments are made of: objects with known options, numbers, devices, and the words of their errors. */
import { suggest } from "#base/suggest";
import type { Device } from "#device/device";
import { CallError } from "#stack/call-error";

/** The type of an option, as its error message names it. */
export type Kind =
  | "true or false"
  | "a number"
  | "a text"
  | "a text or an array of texts"
  | "a text or an object"
  | "a Uint8Array"
  | "an AbortSignal"
  | "an object"
  | "a function"
  | "true, false or an object"
  | "true, false or a number"
  | "a text or a URL"
  | "an array of texts"
  | "false or an object"
  | "anything"
  | 'true, false or "strict"';

export type Table = Readonly<Record<string, Kind>>;

/** Methods by which a device is recognized. */
const DEVICE_CALLS = ["attach", "receive", "transmit", "nextDeadline", "close"];

/** @throws CallError EINVAL. */
export function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (value instanceof Uint8Array) return;
  const more = typeof value === "string" ? ": use new TextEncoder().encode(text)" : "";
  throw invalid(`${name} must be a Uint8Array, not ${shown(value)}${more}`);
}

/** @throws CallError EINVAL. */
export function whole(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw invalid(`${name} must be a whole number from ${least} to ${most}, not ${shown(value)}`);
}

/** A mistake in the arguments of a call. */
export function invalid(message: string): CallError {
  return new CallError("EINVAL", message);
}

/** A value for a message: texts in quotes, objects and functions by their kind. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  const kind = value.constructor?.name ?? "Object";
  return kind === "Object" ? "an object" : `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** Checks that a value is an object with these options only. */
export function checkObject(what: string, given: unknown, table: Table, example: string): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw invalid(`${what} must be an object such as ${example}, not ${shown(given)}`);
  }
  for (const name of Object.keys(given)) {
    const value = (given as Record<string, unknown>)[name];
    const kind = Object.hasOwn(table, name) ? table[name] : undefined;
    if (kind === undefined) throw unknownName(what, name, Object.keys(table));
    if (value !== undefined && !isOf(kind, value)) throw invalid(`${name} must be ${kind}, not ${shown(value)}`);
  }
}

/** An option or a field that does not exist. */
export function unknownName(what: string, name: string, names: readonly string[]): CallError {
  const near = suggest(name, names);
  const hint = near === undefined ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
  return invalid(`${what} has no ${shown(name)}: ${hint}`);
}

function isOf(kind: Kind, value: unknown): boolean {
  const type = typeof value;
  switch (kind) {
    case "true or false":
      return type === "boolean";
    case "a number":
      return type === "number";
    case "a text":
      return type === "string";
    case "a text or an array of texts":
      return type === "string" || (Array.isArray(value) && value.every((each) => typeof each === "string"));
    case "a text or an object":
      return type === "string" || (type === "object" && value !== null);
    case "a Uint8Array":
      return value instanceof Uint8Array;
    case "an AbortSignal":
      return value instanceof AbortSignal;
    case "an object":
      return type === "object" && value !== null;
    case "a function":
      return type === "function";
    case "true, false or an object":
      return type === "boolean" || (type === "object" && value !== null);
    case "true, false or a number":
      return type === "boolean" || type === "number";
    case "false or an object":
      return value === false || (type === "object" && value !== null);
    case "an array of texts":
      return Array.isArray(value) && value.every((each) => typeof each === "string");
    case "a text or a URL":
      return type === "string" || value instanceof URL;
    case "anything":
      return true;
    case 'true, false or "strict"':
      return type === "boolean" || value === "strict";
  }
}

/** @throws CallError EINVAL. */
export function checkDevice(device: unknown): asserts device is Device {
  if (typeof device === "string") {
    throw invalid(
      `device must be an open device, not ${shown(device)}: use device: openTun({ name: ${shown(device)} })`,
    );
  }
  const calls = device as Readonly<Record<string, unknown>> | null | undefined;
  const missing = DEVICE_CALLS.find((name) => typeof calls?.[name] !== "function");
  if (missing === undefined) return checkProperties(device as Device);
  const why = typeof device === "object" && device !== null ? `: it has no ${missing}()` : "";
  throw invalid(`device must be a device such as openTun or pair makes, not ${shown(device)}${why}`);
}

/** What a device of the application's may lack. */
function checkProperties({ name, mtu, queueLength, offload }: Device): void {
  if (typeof name !== "string") throw invalid(`a device needs a name such as "mine", not ${shown(name)}`);
  whole("the device's mtu", mtu, 68, 65_535);
  whole("the device's queueLength", queueLength, 1, 1 << 20);
  if (typeof offload === "object" && offload !== null) return;
  throw invalid(`a device needs offload, not ${shown(offload)}: use NO_OFFLOAD if it carries whole packets`);
}
