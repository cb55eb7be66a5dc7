"""A TCP proxy that misbehaves on order: between the members and PostgreSQL.

    proxy = Proxy(port)            listens on proxy.port
    proxy.plan = Plan(...)         for connections from now on
    proxy.retarget(port)           another server, as a moved address would be
    proxy.cut()                    every open connection

It knows no more of the protocol than where a COMMIT is sent.
"""
import select
import socket
import threading


class Plan:
    """What to do to a connection: cut after so many bytes to the server or from
    it, or let the n-th COMMIT reach the server and swallow the answer."""

    def __init__(self, to_server=None, from_server=None, drop_reply_of_commit=None):
        self.to_server, self.from_server = to_server, from_server
        self.drop_reply_of_commit = drop_reply_of_commit


class Proxy:
    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.plan = None        # called for each connection; returns a Plan or None
        self.cuts = 0           # connections cut as planned
        self.dropped = 0        # answers to COMMIT swallowed
        self.connections = set()
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def retarget(self, port):
        self.target = port

    def cut(self):
        for pair in list(self.connections):
            self._end(pair)

    def close(self):
        self.closed = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # a thread may wait in accept
        except OSError:
            pass
        self.listener.close()
        self.cut()

    def _end(self, pair):
        self.connections.discard(pair)
        for side in pair:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self.closed:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            self.connections.add(pair)
            plan = (self.plan() if self.plan else None) or Plan()
            threading.Thread(target=self._carry, args=(pair, plan), daemon=True).start()

    def _carry(self, pair, plan):
        try:
            self._pump(*pair, plan)
        except OSError:
            pass
        self._end(pair)
        for side in pair:
            side.close()

    def _pump(self, client, server, plan):
        left = {client: plan.to_server, server: plan.from_server}
        commits = 0
        swallow = False
        while True:
            for side in select.select([client, server], [], [])[0]:
                data = side.recv(65536)
                if not data:
                    return
                if side is server and swallow:
                    # The server has answered, so it has committed.
                    self.dropped += 1
                    return
                if side is client and b"COMMIT" in data:
                    commits += 1
                    swallow = commits == plan.drop_reply_of_commit
                if left[side] is not None and len(data) >= left[side]:
                    (server if side is client else client).sendall(data[:left[side]])
                    self.cuts += 1
                    return
                if left[side] is not None:
                    left[side] -= len(data)
                (server if side is client else client).sendall(data)
