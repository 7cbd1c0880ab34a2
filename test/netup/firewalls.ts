/** Firewalls to try netup against, and how each is set up in an empty network namespace. */

export interface Firewall {
  readonly name: string;
  /** Shell commands; "" for none. */
  readonly setup: string;
  /** Debian package that must be installed first (in a box of its own). */
  readonly deb?: "firewalld" | "ufw";
  /** Netup opens it; else it only says what to type. */
  readonly opens: boolean;
}

const nft = (text: string) => `nft -f - <<'END'\n${text}\nEND`;

const DOCKER = ["-P FORWARD DROP", "-N DOCKER-USER", "-A FORWARD -j DOCKER-USER"];
const docker = (binary: string) => DOCKER.map((line) => `${binary} ${line}`).join(" && ");

const FIREWALLD = `
mkdir -p /run/dbus
dbus-daemon --system --fork
firewalld --nofork --nopid >/run/firewalld.log 2>&1 &
for i in $(seq 150); do firewall-cmd --state >/dev/null 2>&1 && exit 0; sleep 0.1; done
cat /run/firewalld.log >&2
exit 1`;

/** Those that come with the kernel's own tools. */
export const PLAIN: readonly Firewall[] = [
  { name: "iptables-nft-forward-drop", setup: "iptables-nft -P FORWARD DROP", opens: true },
  { name: "iptables-legacy-forward-drop", setup: "iptables-legacy -P FORWARD DROP", opens: true },
  { name: "both-flavours", setup: "iptables-nft -P FORWARD DROP && iptables-legacy -P FORWARD DROP", opens: true },
  {
    name: "stateful-iptables",
    setup:
      "iptables-nft -A FORWARD -m conntrack --ctstate INVALID -j DROP && " +
      "iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT && iptables-nft -A FORWARD -j REJECT",
    opens: true,
  },
  { name: "docker-user", setup: docker("iptables-nft"), opens: true },
  { name: "docker-user-legacy", setup: docker("iptables-legacy"), opens: true },
  { name: "docker-user-not-asked", setup: "iptables-nft -P FORWARD DROP && iptables-nft -N DOCKER-USER", opens: true },
  {
    name: "nft-policy-drop",
    setup: nft(`table inet guard {
  chain passing {
    type filter hook forward priority 0; policy drop;
    ct state established accept
  }
}`),
    opens: false,
  },
  {
    name: "nft-beside-iptables",
    setup: `iptables-nft -P FORWARD ACCEPT\n${nft(`table ip filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
  }
}`)}`,
    opens: false,
  },
  {
    name: "nft-where-iptables-would-be",
    setup: nft(`table ip filter {
  chain FORWARD {
    type filter hook forward priority 0; policy drop;
    ct state established accept
  }
}`),
    opens: false,
  },
  {
    name: "nft-reject",
    setup: nft(`table ip guard {
  chain passing {
    type filter hook forward priority 10; policy accept;
    jump rules
  }
  chain rules {
    ip protocol tcp reject with icmp type admin-prohibited
  }
}`),
    opens: false,
  },
];

/** Real ones, from Debian's packages. */
export const BOXED: readonly Firewall[] = [
  { name: "firewalld", deb: "firewalld", setup: FIREWALLD, opens: true },
  {
    name: "firewalld-and-docker",
    deb: "firewalld",
    setup: `(${FIREWALLD}\n) && ${docker("iptables-nft")}`,
    opens: true,
  },
  { name: "ufw", deb: "ufw", setup: "ufw --force enable", opens: true },
  {
    name: "ufw-legacy",
    deb: "ufw",
    setup:
      "update-alternatives --set iptables /usr/sbin/iptables-legacy && " +
      "update-alternatives --set ip6tables /usr/sbin/ip6tables-legacy && ufw --force enable",
    opens: true,
  },
];

export interface Snapshot {
  readonly rules: string;
  readonly links: string;
  readonly sysctl: string;
  readonly zones: string;
}

/** What the trial of one firewall found; `trial.inside.ts` prints it. */
export interface TrialReport {
  /** Devices and forwarding as somebody would set them up by hand, with this firewall: does a probe pass? */
  readonly byHand: { readonly outcome: string; readonly culprit: string };
  readonly found: Snapshot;
  readonly up: { readonly exitCode: number; readonly outcome: string; readonly text: string; readonly fixes: string[] };
  readonly again: { readonly steps: number; readonly outcome: string };
  /** Whether the rule set stays the same in a second netup. */
  readonly steady: boolean;
  readonly status: { readonly exitCode: number; readonly trusts: string[]; readonly text: string };
  /** After typing what netup said, where it said something. */
  readonly typed: string;
  readonly down: { readonly exitCode: number; readonly outcomes: string[]; readonly text: string };
  readonly left: Snapshot;
  readonly downAgain: number;
}
