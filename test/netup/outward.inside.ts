import { HEADROOM, PACKET_MAX, Packet } from "#base/packet";
import { Slab } from "#base/slab";
import { openTun } from "#device/tun";
import { prefixOf, settle } from "#netup/options";
import { writeSyn } from "#netup/probe-packet";
import { refuseOutside } from "./guard.ts";

/** Sends a SYN from the host's stack to host 5 of a network beyond the lab. */
refuseOutside();
const [host, peer] = settle({}).sides;
const device = openTun({ name: host.name, checksums: false });
const slab = new Slab(HEADROOM + PACKET_MAX);
const packet = new Packet();
packet.o = slab.reserve(HEADROOM + PACKET_MAX) + HEADROOM;
device.attach(slab);
packet.n = writeSyn(slab.view, packet.o, host, { ...peer, prefixes: [prefixOf(process.argv[2]!, "network")] }, 0);
device.transmit(packet, 0);
device.close();
