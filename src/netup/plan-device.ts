/** The part of the plan that concerns the two devices: create, complete or adopt them. */
import { ALIAS, ALIAS_ADOPTED, type Change, isHalfMade } from "./changes.ts";
import { notReady } from "./errors.ts";
import type { Facts, Link } from "./facts.ts";
import type { Settings, Side } from "./options.ts";
import type { Action, Step } from "./step.ts";

/** txqueuelen of our devices: how many packets the kernel queues for the reader. `#device/tun` sets the same. */
export const QUEUE_LENGTH = 2000;

/** Whether the device was made by netup. */
export function isOwn(link: Link): boolean {
  return link.alias.startsWith(ALIAS);
}

/** The step that makes a device ready for its side; none if it is. @param recorded the changes in an earlier state file */
export function device(facts: Facts, settings: Settings, side: Side, recorded: readonly Change[]): Step[] {
  const link = facts.links.find((each) => each.name === side.name);
  if (link === undefined) return [create(facts, settings, side)];
  const begun = recorded.find((change) => change.what === "link" && change.name === side.name);
  if (begun?.what === "link" && isHalfMade(link, begun)) return [createAgain(create(facts, settings, side))];
  if (!isOwn(link)) return [adopt(settings, side, link)];
  const other = otherwise(link, settings, side);
  if (other !== "") {
    const what = `${side.name} is already set up, with other settings`;
    throw notReady(what, other, `sudo ${settings.program} netdown, then netup again`);
  }
  const adopted = link.alias === ALIAS_ADOPTED;
  const actions = bringUp(side, link);
  if (actions.length === 0) return [];
  // A netup that was killed before it brought the device up may not have set the MTU and the queue either.
  if (!link.up && !adopted) actions.unshift(shape(facts, settings, side));
  return [{ kind: "device", subject: side.name, title: "ours, complete its setup", actions, change: null }];
}

/** What of our device `link` differs from the requested settings and cannot be completed; "" if nothing. */
function otherwise(link: Link, { owner, multiQueue, mtu, isMtuGiven }: Settings, { prefixes }: Side): string {
  if (multiQueue && !link.multiQueue) return "it has one queue; the number of queues is fixed when a device is made";
  if (link.alias !== ALIAS_ADOPTED) {
    if (owner !== null && link.owner !== owner.name && link.owner !== String(owner.uid)) {
      return `it belongs to ${link.owner ?? "root"}, not to ${owner.name}`;
    }
    const wanted = prefixes.filter(({ family }) => family === 4).map(String);
    const ipv4 = link.addresses.filter((address) => !address.includes(":"));
    const others = ipv4.filter((address) => !wanted.includes(address)).join(", ");
    if (others !== "") return `it has the address ${others}, which is not ${wanted.join(", ")}`;
  }
  // A device that is down is one that a killed netup left: it gets its MTU when it is brought up.
  return isMtuGiven && link.up && link.mtu !== mtu ? `its MTU is ${link.mtu}, not ${mtu}` : "";
}

/** The last netup was killed after it made the device and before it set the alias. */
function createAgain(step: Step): Step {
  const remove = { run: ["ip", "link", "delete", "dev", step.subject] };
  return {
    ...step,
    title: `${step.title}; replaces the one that a killed netup left`,
    actions: [remove, ...step.actions],
  };
}

function shape(facts: Facts, { mtu }: Settings, { name }: Side): Action {
  // Without a link-local address and multicast the kernel sends nothing by itself, so captures show only the lab.
  // Below IPv6's minimum MTU (RFC 8200 §5) the kernel disables IPv6 on the device, and addrgenmode does not exist.
  const ipv6 = facts.sysctl["net/ipv6/conf/all/forwarding"] !== undefined && mtu >= 1280;
  const quiet = ipv6 ? ["addrgenmode", "none"] : [];
  const size = ["multicast", "off", "txqueuelen", String(QUEUE_LENGTH), "mtu", String(mtu)];
  return { run: ["ip", "link", "set", "dev", name, ...quiet, ...size] };
}

function create(facts: Facts, settings: Settings, side: Side): Step {
  const { name, role, prefixes } = side;
  const { owner, mtu } = settings;
  return {
    kind: "device",
    subject: name,
    title: [`create, owner ${owner?.name ?? "root"}`, ...prefixes.map(String), `mtu ${mtu}`].join(", "),
    actions: [
      {
        run: [
          "ip",
          "tuntap",
          "add",
          "dev",
          name,
          "mode",
          "tun",
          ...(owner === null ? [] : ["user", String(owner.uid)]),
          ...(settings.multiQueue ? ["multi_queue"] : []),
        ],
      },
      { run: ["ip", "link", "set", "dev", name, "alias", ALIAS + role] },
      shape(facts, settings, side),
      ...bringUp(side, null),
    ],
    change: { what: "link", name, owner },
  };
}

function adopt(settings: Settings, side: Side, link: Link): Step {
  const { name } = side;
  const again = `choose other names: sudo ${settings.program} netup --ifs tcpnet0,tcpnet1`;
  if (link.kind !== "tun") {
    throw notReady(`${name} cannot be used`, `it is a ${link.kind || "hardware"} device, not a TUN`, again);
  }
  if (!settings.force) {
    const use = link.attached ? "a program is using it" : "no program is using it now";
    throw notReady(
      `${name} exists already and was not made by netup`,
      `it belongs to ${link.owner ?? "root"}${link.alias === "" ? "" : ` ("${link.alias}")`}; ${use}`,
      `${again}; or adopt it: --force`,
    );
  }
  if (settings.isMtuGiven && link.mtu !== settings.mtu) {
    throw notReady(
      `${name} has an MTU of ${link.mtu}, not ${settings.mtu}`,
      "netup does not change the MTU of a device that it did not make",
      `leave out --mtu, or: sudo ip link set dev ${name} mtu ${settings.mtu}`,
    );
  }
  const added = side.prefixes.map(String).filter((address) => !link.addresses.includes(address));
  return {
    kind: "device",
    subject: name,
    title: ["adopt", ...added].join(", "),
    actions: [{ run: ["ip", "link", "set", "dev", name, "alias", ALIAS_ADOPTED] }, ...bringUp(side, link)],
    change: { what: "adopted", name, before: { alias: link.alias, up: link.up }, added },
  };
}

function bringUp(side: Side, link: Link | null): Action[] {
  const actions: Action[] = [];
  for (const prefix of side.prefixes) {
    const text = `${prefix}`;
    if (link?.addresses.includes(text)) continue;
    // nodad: a TUN has no neighbours, and a tentative address cannot be used for a second.
    const rest = prefix.family === 6 ? ["nodad"] : [];
    actions.push({ run: ["ip", "addr", "add", text, "dev", side.name, ...rest] });
  }
  if (link?.up !== true) actions.push({ run: ["ip", "link", "set", "dev", side.name, "up"] });
  return actions;
}
