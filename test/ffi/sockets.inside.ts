/** Runs in a network namespace, in which loopback is up. */
import { expect, test } from "bun:test";
import { EAGAIN, EBADF, EINVAL } from "#ffi/errno";
import { AF_INET, AF_INET6, close, pinnedBuffers } from "#ffi/libc";
import * as sockets from "#ffi/sockets";

const HERE = Uint8Array.of(127, 0, 0, 1);
const HERE6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const [SOL_SOCKET, SO_TYPE, SO_LINGER, SO_ERROR] = [1, 3, 13, 4];
const [POLLOUT, POLLHUP] = [4, 16];
const MSG_PEEK = 2;

/** A listener, a connection to it, and what accept gave. */
function pair(family: number, address: Uint8Array): { listener: number; client: number; server: number } {
  const listener = sockets.socket(family, sockets.SOCK_STREAM, 0);
  expect(sockets.bind(listener, sockets.socketAddress(address, 0))).toBe(0);
  expect(sockets.listen(listener, 1)).toBe(0);
  const client = sockets.socket(family, sockets.SOCK_STREAM, 0);
  const result = sockets.connect(client, sockets.socketAddress(address, sockets.localPort(listener)));
  expect([0, -115]).toContain(result);
  expect(sockets.wait([{ fd: listener, events: sockets.POLLIN }], 1e6)).toEqual([sockets.POLLIN]);
  return { listener, client, server: sockets.accept(listener) };
}

for (const [family, address] of [
  [AF_INET, HERE],
  [AF_INET6, HERE6],
] as const) {
  test(`octets go through a connection of the kernel's, family ${family}`, () => {
    const { listener, client, server } = pair(family, address);
    expect(sockets.peerPort(server)).toBe(sockets.localPort(client));
    expect(sockets.peerPort(client)).toBe(sockets.localPort(listener));
    expect(sockets.accept(listener)).toBe(-EAGAIN);

    expect(sockets.receive(server, 10, 0).n).toBe(-EAGAIN);
    expect(sockets.send(client, Uint8Array.of(1, 2, 3, 4, 5), 0)).toBe(5);
    expect(sockets.send(client, new Uint8Array(0), 0)).toBe(0);
    expect(sockets.wait([{ fd: server, events: sockets.POLLIN }], 1e6)).toEqual([sockets.POLLIN]);
    expect([...sockets.receive(server, 3, MSG_PEEK).bytes]).toEqual([1, 2, 3]);
    const received = sockets.receive(server, 10, 0);
    expect(received).toMatchObject({ n: 5, flags: 0 });
    expect([...received.bytes]).toEqual([1, 2, 3, 4, 5]);
    expect(received.control.length).toBe(0);

    expect(sockets.shutdown(client, 1)).toBe(0);
    expect(sockets.wait([{ fd: server, events: sockets.POLLIN }], 1e6)).toEqual([sockets.POLLIN]);
    expect(sockets.receive(server, 10, 0).n).toBe(0);
    for (const fd of [listener, client, server]) expect(close(fd)).toBe(0);
    expect(pinnedBuffers()).toBe(0);
  });
}

test("poll waits as long as it is told, and no longer than it must", () => {
  const fd = sockets.socket(AF_INET, sockets.SOCK_STREAM, 0);
  const began = Bun.nanoseconds();
  expect(sockets.wait([], 20_000)).toEqual([]);
  expect(Bun.nanoseconds() - began).toBeGreaterThanOrEqual(20e6);
  expect(sockets.wait([{ fd, events: POLLOUT }], 60e6)).toEqual([POLLOUT | POLLHUP]);
  expect(sockets.readNothing(fd)).toBe(0);
  close(fd);
});

test("options go in and out as their structures", () => {
  const fd = sockets.socket(AF_INET, sockets.SOCK_STREAM, 0);
  const value = new Uint8Array(64);
  expect(sockets.getOption(fd, SOL_SOCKET, SO_TYPE, value)).toBe(4);
  expect(value[0]).toBe(sockets.SOCK_STREAM);
  expect(sockets.setOption(fd, SOL_SOCKET, SO_LINGER, Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0))).toBe(0);
  expect(sockets.getOption(fd, SOL_SOCKET, SO_LINGER, value)).toBe(8);
  expect([...value.subarray(0, 8)]).toEqual([1, 0, 0, 0, 7, 0, 0, 0]);
  expect(sockets.setOption(fd, SOL_SOCKET, SO_LINGER, Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0), 4)).toBe(-EINVAL);
  expect(sockets.getOption(fd, SOL_SOCKET, SO_ERROR, value)).toBe(4);
  close(fd);
  expect(sockets.getOption(fd, SOL_SOCKET, SO_TYPE, value)).toBe(-EBADF);
});

test("epoll tells what happened, and the number that stands for it", () => {
  const { listener, client, server } = pair(AF_INET, HERE);
  const epoll = sockets.epollCreate();
  expect(sockets.epollControl(epoll, 1, server, sockets.POLLIN, 77)).toBe(0);
  expect(sockets.epollEvents(epoll, 4)).toEqual([]);
  sockets.send(client, Uint8Array.of(9), 0);
  expect(sockets.wait([{ fd: epoll, events: sockets.POLLIN }], 1e6)).toEqual([sockets.POLLIN]);
  expect(sockets.epollEvents(epoll, 4)).toEqual([{ events: sockets.POLLIN, data: 77 }]);
  expect(sockets.epollEvents(epoll, 0)).toBe(-EINVAL);
  for (const fd of [listener, client, server, epoll]) close(fd);
});
