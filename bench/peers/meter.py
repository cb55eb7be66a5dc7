"""CPU seconds and peak memory of processes and all that they started, from /proc."""
import os
import subprocess

from common import BenchError

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and its descendants; those that a main thread started, as all here do."""
    pids = [pid]
    for each in pids:
        try:
            with open(f"/proc/{each}/task/{each}/children") as text:
                pids += map(int, text.read().split())
        except OSError:
            pass
    return pids


def cpu_seconds(pid):
    """With what ended descendants used, as far as somebody waited for them."""
    ticks = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/stat") as text:
                ticks += sum(map(int, text.read().rpartition(")")[2].split()[11:15]))
        except OSError:
            pass
    return ticks / TICKS


def peak_mb(pid):
    """Peak resident memory, the sum over its processes."""
    kilobytes = 0
    for each in tree(pid):
        try:
            with open(f"/proc/{each}/status") as text:
                kilobytes += sum(int(line.split()[1]) for line in text if line.startswith("VmHWM:"))
        except OSError:
            pass
    return kilobytes / 1024


class Watch:
    """A session in a program's database that is asked often: what is going on there?"""

    def __init__(self, env):
        self.process = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], text=True, bufsize=1,
                                        env=dict(os.environ, **env), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, sql):
        self.process.stdin.write(sql + ";\n")
        line = self.process.stdout.readline()
        if not line:
            raise BenchError("the session that watches PostgreSQL ended")
        return int(line)

    def written(self):
        """Grows with each row that is written, temporary tables included; up to a second late."""
        return self.ask("SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database "
                        "WHERE datname = current_database()")

    def sessions(self):
        return self.ask("SELECT count(*) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                        "AND backend_type = 'client backend'")

    def writing(self):
        """Locks of those that write events, what events are made from, or ours a position."""
        return self.ask("SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
                        "JOIN pg_database d ON d.oid = l.database AND d.datname = current_database() "
                        "WHERE l.mode = 'RowExclusiveLock' AND c.relname ~ '^(events|staged|positions)'")
