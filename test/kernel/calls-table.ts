import * as libc from "#ffi/libc";
import { Bench } from "#lab/drill/interpreter/bench";
import { configure, readScript } from "#lab/drill/interpreter/config";
import { inject } from "#lab/drill/interpreter/inject";
import { type Event, Unsupported } from "#lab/drill/language/ast";
import type { Outcome } from "#lab/drill/posix/sockets";
import type { SystemTarget, Target, TargetSetup } from "#lab/drill/posix/target";

/** Every call on a socket in every state that it can be in: what it comes to, result and errno. */

const OPEN = `0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 4
+0 connect(4, ..., ...) = -1 EINPROGRESS
`;
const ESTABLISHED = `${OPEN}+.01 < S. 0:0(0) ack 1 win 65535 <mss 1460>
`;

/** How a socket (always 4) comes into each state. */
export const STATES: Readonly<Record<string, string>> = {
  fresh: `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4`,
  bound: `0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 4\n+0 bind(4, ..., ...) = 0`,
  listening: `0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 4\n+0 bind(4, ..., ...) = 0\n+0 listen(4, 1) = 0`,
  connecting: OPEN,
  refused: `${OPEN}+.01 < R. 0:0(0) ack 1 win 0`,
  established: ESTABLISHED,
  data: `${ESTABLISHED}+.01 < P. 1:101(100) ack 1 win 65535`,
  urgent: `${ESTABLISHED}+.01 < PU. 1:101(100) ack 1 win 65535 urg 100`,
  peerclosed: `${ESTABLISHED}+.01 < F. 1:1(0) ack 1 win 65535`,
  shutwr: `${ESTABLISHED}+.01 shutdown(4, SHUT_WR) = 0`,
  shutrd: `${ESTABLISHED}+.01 shutdown(4, SHUT_RD) = 0`,
  shutboth: `${ESTABLISHED}+.01 shutdown(4, SHUT_RDWR) = 0`,
  timewait: `${ESTABLISHED}+.01 shutdown(4, SHUT_WR) = 0\n+.01 < F. 1:1(0) ack 2 win 65535`,
  reset: `${ESTABLISHED}+.01 < R. 1:1(0) ack 1 win 0`,
  udp: `0 socket(..., SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_UDP) = 4`,
  udpbound: `0 socket(..., SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_UDP) = 4\n+0 bind(4, ..., ...) = 0`,
  udpconnected: `0 socket(..., SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_UDP) = 4\n+0 connect(4, ..., ...) = 0`,
  epoll: `0 epoll_create(1) = 4`,
  piperead: `0 pipe2([4, 9], O_NONBLOCK) = 0`,
  pipewrite: `0 pipe2([9, 4], O_NONBLOCK) = 0`,
  file: `0 open("/dev/zero", O_RDONLY) = 4`,
  none: `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3`,
};

export const CALLS: readonly string[] = `read(4, ..., 10)
read(4, ..., 0)
recv(4, ..., 10, 0)
recv(4, ..., 0, 0)
recv(4, ..., 10, MSG_PEEK|MSG_DONTWAIT)
recv(4, ..., 1, MSG_OOB)
recv(4, ..., 10, MSG_ERRQUEUE)
recv(4, ..., 10, MSG_TRUNC|MSG_DONTWAIT)
recv(4, ..., 10, MSG_WAITALL|MSG_DONTWAIT)
recvfrom(4, ..., 10, MSG_DONTWAIT, ..., ...)
recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0}, MSG_DONTWAIT)
write(4, ..., 10)
write(4, ..., 0)
send(4, ..., 10, MSG_DONTWAIT)
send(4, ..., 0, MSG_DONTWAIT)
send(4, ..., 1, MSG_OOB|MSG_DONTWAIT)
send(4, ..., 10, MSG_EOR|MSG_DONTWAIT)
send(4, ..., 10, MSG_MORE|MSG_DONTWAIT)
send(4, ..., 10, MSG_FASTOPEN|MSG_DONTWAIT)
send(4, ..., 10, MSG_ZEROCOPY|MSG_DONTWAIT)
send(4, ..., 10, MSG_ERRQUEUE|MSG_DONTWAIT)
send(4, ..., 10, MSG_CONFIRM|MSG_PROBE|MSG_DONTWAIT)
send(4, ..., 10, MSG_SYN|MSG_FIN|MSG_RST|MSG_DONTWAIT)
sendto(4, ..., 10, MSG_DONTWAIT, ..., ...)
sendto(4, ..., 10, MSG_FASTOPEN|MSG_DONTWAIT, ..., ...)
writev(4, [{..., 5}, {..., 5}], 2)
readv(4, [{..., 5}, {..., 5}], 2)
sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0}, MSG_DONTWAIT)
connect(4, AF_UNSPEC, ...)
bind(4, ..., ...)
listen(4, 1)
listen(4, 0)
listen(4, -1)
accept(4, ..., ...)
accept4(4, ..., ..., SOCK_NONBLOCK)
accept4(4, ..., ..., 7)
shutdown(4, SHUT_RD)
shutdown(4, SHUT_WR)
shutdown(4, SHUT_RDWR)
shutdown(4, 3)
shutdown(4, -1)
close(4)
getsockname(4, ..., ...)
getpeername(4, ..., ...)
ioctl(4, SIOCINQ, [0])
ioctl(4, SIOCOUTQ, [0])
ioctl(4, SIOCOUTQNSD, [0])
ioctl(4, SIOCATMARK, [0])
ioctl(4, FIONBIO, [1])
fcntl(4, F_GETFL)
fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK)
fcntl(4, F_GETFD)
setsockopt(4, SOL_SOCKET, SO_ERROR, [1], 4)
setsockopt(4, SOL_SOCKET, SO_REUSEADDR, [1], 4)
setsockopt(4, SOL_SOCKET, SO_REUSEADDR, [1], 3)
setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4)
setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [2], 4)
setsockopt(4, SOL_SOCKET, SO_PASSCRED, [1], 4)
setsockopt(4, SOL_SOCKET, SO_PASSSEC, [1], 4)
setsockopt(4, SOL_SOCKET, SO_TIMESTAMPING, [0x10082], 4)
setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4)
setsockopt(4, SOL_SOCKET, SO_OOBINLINE, [1], 4)
setsockopt(4, SOL_SOCKET, SO_SNDBUF, [4096], 4)
setsockopt(4, SOL_SOCKET, SO_RCVLOWAT, [10], 4)
setsockopt(4, SOL_SOCKET, SO_MAX_PACING_RATE, [1000], 4)
setsockopt(4, SOL_SOCKET, SO_PEEK_OFF, [0], 4)
setsockopt(4, SOL_SOCKET, SO_INCOMING_CPU, [0], 4)
setsockopt(4, SOL_SOCKET, SO_BUSY_POLL, [0], 4)
setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4)
setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 1)
setsockopt(4, SOL_TCP, TCP_CORK, [1], 4)
setsockopt(4, SOL_TCP, TCP_MAXSEG, [1000], 4)
setsockopt(4, SOL_TCP, TCP_MAXSEG, [10], 4)
setsockopt(4, SOL_TCP, TCP_FASTOPEN, [5], 4)
setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4)
setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [2], 4)
setsockopt(4, SOL_TCP, TCP_FASTOPEN_NO_COOKIE, [1], 4)
setsockopt(4, SOL_TCP, TCP_TIMESTAMP, [1], 4)
setsockopt(4, SOL_TCP, TCP_WINDOW_CLAMP, [0], 4)
setsockopt(4, SOL_TCP, TCP_WINDOW_CLAMP, [5000], 4)
setsockopt(4, SOL_TCP, TCP_DEFER_ACCEPT, [5], 4)
setsockopt(4, SOL_TCP, TCP_SYNCNT, [200], 4)
setsockopt(4, SOL_TCP, TCP_LINGER2, [-1], 4)
setsockopt(4, SOL_TCP, TCP_QUICKACK, [1], 4)
setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [-1], 4)
setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [100], 4)
setsockopt(4, SOL_TCP, TCP_SAVE_SYN, [1], 4)
setsockopt(4, SOL_TCP, TCP_SAVED_SYN, [1], 4)
setsockopt(4, SOL_TCP, TCP_INQ, [2], 4)
setsockopt(4, SOL_TCP, TCP_INFO, [2], 4)
setsockopt(4, SOL_TCP, TCP_CONGESTION, "reno", 4)
setsockopt(4, SOL_TCP, TCP_CONGESTION, "never", 5)
setsockopt(4, SOL_TCP, TCP_ULP, "tls", 3)
setsockopt(4, SOL_TCP, TCP_ULP, "never", 5)
setsockopt(4, SOL_TCP, TCP_RTO_MAX_MS, [500], 4)
setsockopt(4, SOL_TCP, TCP_RTO_MIN_US, [500], 4)
setsockopt(4, SOL_TCP, TCP_DELACK_MAX_US, [500], 4)
setsockopt(4, SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, [2], 4)
setsockopt(4, SOL_TCP, TCP_TX_DELAY, [0], 4)
setsockopt(4, SOL_TCP, TCP_REPAIR_QUEUE, [1], 4)
setsockopt(4, SOL_TCP, TCP_QUEUE_SEQ, [1], 4)
setsockopt(4, SOL_TCP, TCP_REPAIR_OPTIONS, [1], 4)
setsockopt(4, SOL_IP, IP_TOS, [16], 4)
setsockopt(4, SOL_IP, IP_TOS, [16], 1)
setsockopt(4, SOL_IP, IP_TTL, [64], 1)
setsockopt(4, SOL_IP, IP_TTL, [0], 4)
setsockopt(4, SOL_IP, IP_TTL, [256], 4)
setsockopt(4, SOL_IP, IP_MTU_DISCOVER, [2], 1)
setsockopt(4, SOL_IP, IP_MTU_DISCOVER, [7], 4)
setsockopt(4, SOL_IP, IP_RECVERR, [1], 1)
setsockopt(4, SOL_IP, IP_MINTTL, [0], 4)
setsockopt(4, SOL_IP, IP_FREEBIND, [1], 4)
setsockopt(4, SOL_IP, IP_MTU, [1], 4)
setsockopt(4, SOL_IP, IP_NODEFRAG, [1], 4)
setsockopt(4, SOL_IP, IP_CHECKSUM, [1], 4)
setsockopt(4, SOL_IP, IP_LOCAL_PORT_RANGE, [0], 4)
setsockopt(4, SOL_IP, IP_MULTICAST_ALL, [1], 4)
setsockopt(4, SOL_IP, IP_MULTICAST_TTL, [1], 4)
setsockopt(4, SOL_IP, IP_MULTICAST_LOOP, [1], 4)
setsockopt(4, SOL_IP, IP_HDRINCL, [1], 4)
setsockopt(4, SOL_IP, IP_ROUTER_ALERT, [1], 4)
getsockopt(4, SOL_TCP, TCP_SAVED_SYN, ..., [100])
getsockopt(4, SOL_TCP, TCP_TIMESTAMP, ..., [4])
getsockopt(4, SOL_IP, IP_MTU, ..., [4])
getsockopt(4, SOL_SOCKET, SO_PEERCRED, ..., [12])
getsockopt(4, SOL_SOCKET, SO_PEERNAME, ..., [28])
getsockopt(4, SOL_SOCKET, SO_PEERSEC, ..., [28])
getsockopt(4, SOL_SOCKET, SO_COOKIE, ..., [8])
getsockopt(4, SOL_SOCKET, SO_BINDTODEVICE, ..., [16])
getsockopt(4, SOL_TCP, TCP_REPAIR_QUEUE, ..., [4])
getsockopt(4, SOL_TCP, TCP_CC_INFO, ..., [20])
getsockopt(4, SOL_TCP, TCP_ULP, ..., [16])
getsockopt(4, SOL_TCP, TCP_ZEROCOPY_RECEIVE, ..., [16])
poll([{fd=4, events=POLLIN|POLLOUT|POLLPRI|POLLRDHUP, revents=0}], 1, 0)
splice(4, NULL, 9, NULL, 10, SPLICE_F_NONBLOCK)
sendfile(4, 8, [0], 10)
sendfile(4, 4, [0], 10)
epoll_ctl(7, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4})
epoll_ctl(4, EPOLL_CTL_ADD, 7, {events=EPOLLIN, fd=4})
epoll_ctl(7, EPOLL_CTL_DEL, 4, {events=EPOLLIN, fd=4})
epoll_ctl(7, EPOLL_CTL_MOD, 4, {events=EPOLLIN, fd=4})
epoll_wait(4, {events=EPOLLIN, fd=4}, 1, 0)
epoll_wait(7, {events=EPOLLIN, fd=4}, 0, 0)`
  .trim()
  .split("\n");

const NOTHING = new Map<string, string>();

/** What the call comes to, in a word or two: "0", "-1 EINVAL", "waits", "unsupported". */
export function outcomeOf(state: string, call: string, machine: (setup: TargetSetup) => Target | SystemTarget): string {
  const setup = STATES[state]!;
  const pipe = setup.includes("pipe2") ? "" : "+0 pipe2([6, 9], O_NONBLOCK) = 0\n";
  const beside = `+0 epoll_create(1) = 7\n+0 open("/dev/zero", O_RDONLY) = 8\n${pipe}`;
  const script = readScript(`${setup}\n${beside}+0 ${call} = 0`, "t.pkt", {
    profile: "linux",
    defines: NOTHING,
    options: NOTHING,
  });
  const config = configure(script, { profile: "linux", strict: false, seed: 1, options: NOTHING });
  const { profile, family, mtu, local, remote, seed } = config;
  const bench = new Bench(config, machine({ profile, family, mtu, local, remote, seed }));
  try {
    return textOf(play(bench, script.events));
  } catch (error) {
    if (error instanceof Unsupported) return "unsupported";
    throw error;
  } finally {
    closeAll(bench);
  }
}

function textOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return "waits";
  if (outcome.opened) return "descriptor";
  // A poll tells what is ready.
  const [events] = outcome.faults;
  const ready = events?.startsWith("revents") ? ` ${/revents is (\S+),/.exec(events)?.[1]}` : "";
  return `${outcome.result}${outcome.errno ? ` ${outcome.errno}` : ""}${ready}`;
}

/** Plays the events, whatever they come to, and gives what the last one did. */
function play(bench: Bench, events: readonly Event[]): Outcome | undefined {
  let last: Outcome | undefined;
  for (const event of events) {
    const { body, time } = event;
    bench.runTo(bench.now + ("from" in time ? time.from : 0));
    if (body.kind === "tcp") {
      inject(bench, body, event);
      bench.queue.length = 0;
    }
    if (body.kind !== "syscall") continue;
    last = bench.systemCall(body)(bench.now);
    if (last?.opened && event !== events.at(-1) && body.result.kind === "integer")
      bench.table.set(body.result.value, last.opened);
    bench.settle();
  }
  return last;
}

/** A kernel's descriptors must not pile up. */
function closeAll(bench: Bench): void {
  for (const socket of bench.table.values()) if (socket.kind === "system") libc.close(socket.fd);
}

/** A line for each call: `call: result state state; result state …`. */
export function table(outcome: (state: string, call: string) => string): string[] {
  return CALLS.map((call) => {
    const groups = new Map<string, string[]>();
    for (const state of Object.keys(STATES)) {
      const text = outcome(state, call);
      groups.set(text, [...(groups.get(text) ?? []), state]);
    }
    return `${call}: ${[...groups].map(([text, states]) => `${text} [${states.join(" ")}]`).join("; ")}`;
  });
}
