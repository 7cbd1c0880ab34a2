import { Prefix, parsePrefix } from "#ip/prefix";
import { ZONE } from "./firewall.ts";
import { TABLE, TABLE_FAMILY } from "./nft.ts";
import { isDeviceName } from "./options.ts";
import type { State } from "./state.ts";
import { isSysctlKey } from "./sysctl-key.ts";
import { BINARIES, isOwnSpec } from "./xtables.ts";

/**
 * Whether a value is a state that netup can have written. netdown runs commands and writes files as the state says, as root,
 * so every field is checked.
 */
export function isState(value: unknown): value is State {
  return isRecord(STATE)(value);
}

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const is =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value);
const matches =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const isList =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isRecord =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
const isMap =
  (key: Check, check: Check): Check =>
  (value) =>
    isObject(value) && Object.entries(value).every(([name, each]) => key(name) && check(each));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isDevice: Check = (value) => typeof value === "string" && isDeviceName(value);
const isKey: Check = (value) => typeof value === "string" && isSysctlKey(value);
const isValue = matches(/^\d$/);
const isNetwork: Check = (value) => typeof value === "string" && parsePrefix(value) instanceof Prefix;
const isWords: Check = (value) => Array.isArray(value) && value.every(isString) && isOwnSpec(value as string[]);
const isZone = matches(/^\w[\w-]{0,63}$/);
/** An alias that the kernel accepts, on one line. */
const isAlias = matches(/^[^\p{Cc}]{0,255}$/u);
const isOwner = isRecord({
  name: matches(/^[^\s:]{1,64}$/),
  uid: (value) => Number.isInteger(value) && Number(value) >= 0,
});

const CHANGES: Readonly<Record<string, Check>> = {
  link: isRecord({ name: isDevice, owner: orNull(isOwner) }),
  adopted: isRecord({ name: isDevice, before: isRecord({ alias: isAlias, up: isFlag }), added: isList(isNetwork) }),
  sysctl: isRecord({ key: isKey, before: orNull(isValue), after: isValue, also: isMap(isKey, isValue) }),
  table: isRecord({ family: is(TABLE_FAMILY), name: is(TABLE) }),
  rule: isRecord({
    binary: is(...BINARIES),
    table: is("filter", "raw"),
    chain: is("FORWARD", "DOCKER-USER", "PREROUTING"),
    spec: isWords,
  }),
  zone: isRecord({ name: isDevice, before: orNull(isZone), after: is(ZONE) }),
};

const isChange: Check = (value) =>
  isObject(value) &&
  typeof value.what === "string" &&
  Object.hasOwn(CHANGES, value.what) &&
  CHANGES[value.what]!(value);

const STATE: Readonly<Record<string, Check>> = {
  version: is(1),
  bootId: isString,
  netns: isString,
  cookie: orNull(matches(/^\d+$/)),
  created: matches(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  setup: isRecord({
    names: (value) => isList(isDevice)(value) && (value as unknown[]).length === 2,
    addresses: isList(isList(isNetwork)),
    owner: orNull(isOwner),
    uplink: orNull(isDevice),
    v6: isFlag,
  }),
  changes: isList(isChange),
};
