import { Chaos, type Counts } from "#chaos/chaos";
import { controlPath, listenForControl, profilesText } from "#chaos/control";
import { Mirror } from "#chaos/mirror";
import { mirrorAddress } from "#chaos/mirror-address";
import { CLEAR_LINK } from "#device/link-profile";
import type { Address } from "#ip/address";
import type { Prefix } from "#ip/prefix";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { readPrefix } from "../endpoint.ts";
import { EXIT_FAILURE, EXIT_NOT_READY, EXIT_OK } from "../exit-codes.ts";
import { impairment } from "../link-flags.ts";
import { openDevice } from "../open-device.ts";
import { programName } from "../program.ts";
import { listenToSignals } from "../signals.ts";
import { Voice } from "../voice.ts";

/** One side of the command line. */
interface Side {
  readonly tun: string;
  readonly kernel: Prefix;
  /** The address there that stands for the other side's kernel. */
  readonly mirror: Address;
}

/** `tcpnet chaos <tunA> <cidrA> <tunB> <cidrB>` */
export async function run({ args, flags }: Call): Promise<number> {
  const [a, b] = sides(args);
  const impaired = impairment(flags);
  const profiles = impaired?.profiles ?? { out: CLEAR_LINK, in: CLEAR_LINK };
  const voice = new Voice(flags.has("json") ? "json" : flags.has("quiet") ? "quiet" : "plain");
  const chaos = open(
    a,
    b,
    { profiles, seed: impaired?.seed ?? 1 },
    flags.whole("mtu", 576, 65_535),
    flags.has("force"),
  );
  const path = flags.text("socket") ?? controlPath(a.tun);
  let stopListening: () => void;
  try {
    stopListening = await listenForControl(path, {
      profiles: () => chaos.profiles,
      set: (wanted) => {
        chaos.set(wanted);
        voice.event("link", { link: profilesText(wanted) }, `link: ${profilesText(wanted)}`);
      },
      counts: () => chaos.counts,
    });
  } catch (error) {
    chaos.close();
    throw new CliError(
      EXIT_NOT_READY,
      `the control socket ${path} cannot be had`,
      String(error),
      "or say --socket PATH",
    );
  }
  chaos.start();
  voice.lines("ready", { a: facts(a), b: facts(b), socket: path, link: profilesText(profiles) }, map(a, b, path));
  const code = await ended(chaos, voice);
  stopListening();
  const { counts } = chaos;
  chaos.close();
  voice.lines("end", { ...counts }, [
    `${a.tun} > ${b.tun}  ${told(counts.there)}`,
    `${b.tun} > ${a.tun}  ${told(counts.back)}`,
  ]);
  return code;
}

function sides(args: readonly string[]): [Side, Side] {
  const [tunA, cidrA, tunB, cidrB] = args as [string, string, string, string];
  if (tunA === tunB) throw usageError(`${tunA} is named twice`, "a proxy has two devices");
  const side = (tun: string, cidr: string): Side => {
    const kernel = readPrefix(cidr);
    return { tun, kernel, mirror: mirrorAddress(kernel) };
  };
  const [a, b] = [side(tunA, cidrA), side(tunB, cidrB)];
  if (a.kernel.family !== b.kernel.family) throw usageError(`${a.kernel} and ${b.kernel} are of different families`);
  if (a.kernel.contains(b.kernel.network) || b.kernel.contains(a.kernel.network)) {
    throw usageError(`${a.kernel} and ${b.kernel} overlap`, "each device needs a subnet of its own");
  }
  return [a, b];
}

type LinkOf = Pick<ConstructorParameters<typeof Chaos>[0], "profiles" | "seed">;

function open(a: Side, b: Side, link: LinkOf, mtu: number | undefined, force: boolean): Chaos {
  const wishes = { mtu, force, offload: false, impairment: null };
  const first = openDevice(a, wishes);
  try {
    const second = openDevice(b, wishes);
    // What a's kernel sends as itself comes to b from the mirror address there, and the other way round.
    const here = [a.kernel.address, a.mirror];
    const there = [b.mirror, b.kernel.address];
    return new Chaos({
      a: { device: first, mirror: new Mirror(here, there) },
      b: { device: second, mirror: new Mirror(there, here) },
      ...link,
    });
  } catch (error) {
    first.close();
    throw error;
  }
}

/** Until Ctrl-C, SIGTERM, or the end of a device. */
function ended(chaos: Chaos, voice: Voice): Promise<number> {
  return new Promise((resolve) => {
    const stop = listenToSignals({
      close: () => end(EXIT_OK),
      abort: (code) => end(code),
      figures: () => voice.lines("figures", chaos.counts, [told(chaos.counts.there), told(chaos.counts.back)]),
      reopen: () => false,
    });
    const end = (code: number) => {
      stop();
      resolve(code);
    };
    chaos.onGone = () => end(EXIT_FAILURE);
  });
}

function map(a: Side, b: Side, path: string): string[] {
  return [
    `  ${a.tun}  ${a.kernel.address} (kernel), ${a.mirror} stands for ${b.kernel.address} on ${b.tun}`,
    `  ${b.tun}  ${b.kernel.address} (kernel), ${b.mirror} stands for ${a.kernel.address} on ${a.tun}`,
    `  try   ping ${a.mirror}`,
    `  then  ${programName} link set "delay 100ms loss 5%" --socket ${path}`,
    "  end   Ctrl-C",
  ];
}

function facts({ tun, kernel, mirror }: Side): Record<string, string> {
  return { tun, kernel: `${kernel}`, mirror: `${mirror}` };
}

function told(counts: Counts): string {
  const parts = Object.entries(counts).map(([name, n]) => `${name} ${n}`);
  return parts.length === 0 ? "nothing" : parts.join(", ");
}
