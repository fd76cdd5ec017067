"""One container of one image: its policy, its disks, and the requests that a faithful host makes for it."""
from . import images, policies
from .machine import Machine

TARGET = "/run/mounts/scsi/m{}"


class Workload:
    """`rules` change the container in the policy; the process is what the policy describes."""

    def __init__(self, image, command, env=None, cwd=None, name="c", **rules):
        self.image = images.Image(image)
        self.disks = self.image.disks()
        self.command = list(command)
        self.env = list(self.image.config.get("Env", []) if env is None else env)
        self.cwd = cwd or self.image.config.get("WorkingDir") or "/"
        self.name = name
        self.rules = rules
        self.container = policies.container([root for _, root in self.disks], command, self.env, working_dir=self.cwd,
                                            **rules)

    def policy(self):
        return policies.policy([self.container])

    def boot(self, policy=None, **options):
        """A machine with this workload's policy as HOST_DATA and its layers as disks; nothing is asked of it yet."""
        options.setdefault("disks", [path for path, _ in self.disks])
        return Machine(policies.host_data(policy or self.policy()), **options)

    def targets(self):
        """Where the layers are mounted, topmost first."""
        return [TARGET.format(lun) for lun in reversed(range(len(self.disks)))]

    def mount_devices(self, channel):
        for lun, (_, root) in enumerate(self.disks):
            channel.call("mount_device", lun=lun, root_hash=root, target=TARGET.format(lun))

    def mount(self, channel):
        """Policy, devices and overlay: all that comes before create_container."""
        channel.set_policy(self.policy())
        self.mount_devices(channel)
        channel.call("mount_overlay", id=self.name, layers=self.targets())

    def process(self, **changes):
        """The arguments of create_container, without streams."""
        value = {
            "id": self.name, "args": self.command, "env": self.env, "cwd": self.cwd,
            "user": self.image.config.get("User", ""), "umask": 0o22, "capabilities": policies.capabilities(),
            "no_new_privileges": False, "privileged": False, "read_only_root": False, "mounts": [],
            "hostname": self.name, "terminal": False, "rows": 24, "columns": 80, "stdin": 0, "stdout": 0, "stderr": 0,
        }  # fmt: skip
        value.update(changes)
        return value

    def start(self, channel, stdin=False, terminal=False, **changes):
        """create_container with streams: (stdin or None, stdout, stderr or None)."""
        source = channel.open() if stdin else None
        output = channel.open()
        errors = None if terminal else channel.open()
        numbers = {"stdin": source.number if source else 0, "stdout": output.number,
                   "stderr": errors.number if errors else 0}
        channel.call("create_container", timeout=60, **self.process(terminal=terminal, **numbers, **changes))
        return source, output, errors

    def run(self, channel, **changes):
        """Starts the process and waits: (exited event, standard output, standard error)."""
        _, output, errors = self.start(channel, **changes)
        event = channel.event("exited", 120, id=self.name)
        return event, channel.read_all(output), channel.read_all(errors)
