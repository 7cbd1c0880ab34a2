import { parseAddress } from "#ip/address";
import { usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import type { Flags } from "../flags.ts";
import { type Impairment, impairment, refuseLoneSeed } from "../link-flags.ts";
import { captureTarget } from "../open-capture.ts";
import { packetsOf, reportTarget } from "../session-options.ts";
import type { Manner } from "../voice.ts";
import { type ResolverSettings, resolverSettings } from "./resolvers.ts";

/** A port of this machine, and the command's. */
export interface Published {
  readonly hostname: string;
  readonly port: number;
  readonly inside: number;
}

/** The checked options of `run`. */
export interface RunOptions {
  readonly command: readonly string[];
  readonly published: readonly Published[];
  readonly hostLoopback: boolean;
  readonly resolvers: ResolverSettings;
  readonly mapRoot: boolean;
  readonly mtu: number;
  readonly impairment: Impairment | null;
  readonly socket: string | undefined;
  readonly write: string | undefined;
  readonly events: string | undefined;
  readonly report: string | undefined;
  readonly packets: boolean;
  readonly explain: boolean;
  readonly verbose: boolean;
  readonly manner: Manner;
  /** A summary at the end, for whoever asked for more than the command. */
  readonly summary: boolean;
}

/** Any packet of the command fits: super-segments carry up to 64 KiB. */
const MTU = 65_520;
/** Over a link, a packet is what an Ethernet carries. */
const LINK_MTU = 1_500;
const MTU_MIN = 1_280;

/** Throws CliError. */
export function runOptions({ args, flags }: Call): RunOptions {
  const link = impairment(flags);
  refuseLoneSeed(flags, link);
  const socket = flags.text("socket");
  if (socket !== undefined && link === null) {
    throw usageError("--socket needs a link flag", "it names the control socket of the link", "add --link clear");
  }
  const [write, events] = [captureTarget(flags), flags.text("events")];
  for (const [flag, path] of [
    ["--write", write],
    ["--events", events],
  ] as const) {
    if (path === "-") throw usageError(`${flag} - is not possible`, "standard output is the command's", `${flag} FILE`);
  }
  const packets = packetsOf(flags);
  return {
    command: args,
    published: flags.texts("publish").flatMap((text) => text.split(",").map(publishedPort)),
    hostLoopback: flags.has("host-loopback"),
    resolvers: resolverSettings(flags.text("dns")),
    mapRoot: flags.has("map-root"),
    mtu: flags.whole("mtu", MTU_MIN, 65_535) ?? (link === null ? MTU : LINK_MTU),
    impairment: link,
    socket,
    write,
    events,
    report: reportTarget(flags),
    packets,
    explain: flags.has("explain"),
    verbose: flags.has("verbose"),
    manner: mannerOf(flags, packets),
    summary: link !== null || [write, events, flags.text("report")].some((path) => path !== undefined),
  };
}

/** Without a flag that asks for them, there are no messages while the command runs. */
function mannerOf(flags: Flags, packets: boolean): Manner {
  if (flags.has("json")) return "json";
  return packets || flags.has("verbose") ? "plain" : "quiet";
}

/** "8080:80", "127.0.0.1:8080:80", "[::1]:8080:80", "8080". Throws CliError. */
export function publishedPort(text: string): Published {
  const match = /^(?:(\[[^\]]+\]|[^:]+):)?(\d{1,5})(?::(\d{1,5}))?$/.exec(text.trim());
  const short = /^(\d{1,5}):(\d{1,5})$/.exec(text.trim());
  const [hostname, outer, inner] = short ? [undefined, short[1], short[2]] : [match?.[1], match?.[2], match?.[3]];
  const address = hostname === undefined ? "127.0.0.1" : hostname.replace(/^\[|\]$/g, "");
  const [port, inside] = [Number(outer), Number(inner ?? outer)];
  const isPort = (n: number) => n >= 1 && n <= 65_535;
  // Without an address before it, the second number is the command's port.
  const isWhole = hostname === undefined || inner !== undefined;
  if (isPort(port) && isPort(inside) && isWhole && parseAddress(address) !== null) {
    return { hostname: address, port, inside };
  }
  throw usageError(
    `--publish ${text} cannot be understood`,
    "it is a port of this machine and one of the command",
    "-p 8080:80, or -p 127.0.0.1:8080:80",
  );
}
