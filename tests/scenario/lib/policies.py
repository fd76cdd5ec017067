"""Execution policies in the shape that `az confcom` writes, made here without Caisson's own generator."""
import hashlib
import json

CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
                "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
                "CAP_SYS_CHROOT"]  # fmt: skip
POINTS = ["mount_device", "unmount_device", "mount_overlay", "unmount_overlay", "create_container", "exec_in_container",
          "exec_external", "shutdown_container", "signal_container_process", "plan9_mount", "plan9_unmount",
          "get_properties", "dump_stacks", "runtime_logging", "load_fragment", "scratch_mount",
          "scratch_unmount"]  # fmt: skip


def capabilities(names=tuple(CAPABILITIES)):
    names = list(names)
    return {"bounding": names, "effective": names, "inheritable": [], "permitted": names, "ambient": []}


def container(layers, command, env=(), **changes):
    """One container of a policy; `layers` are root hashes, base first."""
    value = {
        "allow_elevated": False, "allow_stdio_access": True, "capabilities": capabilities(), "command": list(command),
        "env_rules": [{"pattern": each, "required": False, "strategy": "string"} for each in env],
        "exec_processes": [], "id": "test", "layers": list(layers), "name": "test",
        "mounts": [{"destination": "/etc/resolv.conf", "options": ["rbind", "rshared", "rw"],
                    "source": "sandbox:///tmp/atlas/resolvconf/.+", "type": "bind"}],
        "no_new_privileges": False, "seccomp_profile_sha256": "", "signals": [],
        "user": {"group_idnames": [{"pattern": "", "strategy": "any"}], "umask": "0022",
                 "user_idname": {"pattern": "", "strategy": "any"}},
        "working_dir": "/",
    }  # fmt: skip
    value.update(changes)
    return value


def policy(containers):
    """The policy's text, as bytes."""
    lines = ["package policy", "", "import future.keywords.every", "import future.keywords.in", "",
             'api_version := "0.10.0"', 'framework_version := "0.2.3"', "", "fragments := []", "",
             "containers := " + json.dumps(containers, separators=(",", ":")), "",
             "allow_properties_access := true", "allow_dump_stacks := false", "allow_runtime_logging := false",
             "allow_environment_variable_dropping := true", "allow_unencrypted_scratch := false",
             "allow_capability_dropping := true", ""]  # fmt: skip
    lines += [f"{point} := data.framework.{point}" for point in POINTS]
    lines += ["", 'reason := {"errors": data.framework.errors}', ""]
    return "\n".join(lines).encode()


def host_data(text):
    return hashlib.sha256(text).digest()
