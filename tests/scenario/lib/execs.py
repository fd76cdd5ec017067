"""Processes beside a container's first, as a faithful host asks for them."""


def request(workload, args, **changes):
    """The arguments of exec_in_container, without streams, for a process like the container's own."""
    value = workload.process()
    for key in ("privileged", "read_only_root", "mounts", "hostname"):
        del value[key]
    value.update(args=list(args), **changes)
    return value


class Exec:
    """One that was asked for; wait() gives (event, output, errors)."""

    def __init__(self, channel, workload, args, stdin=False, terminal=False, **changes):
        self.channel, self.workload = channel, workload
        self.source = channel.open() if stdin else None
        self.output = channel.open()
        self.errors = None if terminal else channel.open()
        self.number = channel.request("exec_in_container", **request(
            workload, args, terminal=terminal, stdin=self.source.number if stdin else 0, stdout=self.output.number,
            stderr=0 if terminal else self.errors.number, **changes))
        self.result = channel.answer(self.number, 60)

    def wait(self, timeout=120):
        event = self.channel.event("exited", timeout, id=self.workload.name, process=self.number)
        return (event, self.channel.read_all(self.output),
                self.channel.read_all(self.errors) if self.errors else b"")
