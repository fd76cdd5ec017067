package policy

import future.keywords.every
import future.keywords.in

api_version := "0.11.0"
framework_version := "0.5.0"

fragments := [{"issuer": `did:x509:0`, "feed": "f", "minimum_svn": "1", "includes": ["containers",],},]
platform_rules := [{"env_rules": [{"name": "A_.+", "name_strategy": "re2", "value": "1", "value_strategy": "string", "required": false}], "mounts": []}]
containers := [{"name": "c", "command": ["a", "b"], "env_rules": [{"pattern": "A=.+|B", "strategy": "re2", "required": true}], "layers": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
  "mounts": [{"destination": "/d", "options": ["rw"], "source": "sandbox:///x/.+", "type": "bind"}], "exec_processes": [{"command": ["x"], "signals": [9]}],
  "signals": [15], "caisson_read_only_root":true,"caisson_rlimits":["nofile=512:1024","core=-1:-1"],"caisson_sysctls":["kernel.sem=1 2"],"allow_elevated": false, "allow_stdio_access": true, "no_new_privileges": false, "working_dir": "/", "seccomp_profile_sha256": "",
  "capabilities": {"bounding": ["CAP_KILL"], "effective": [], "inheritable": [], "permitted": [], "ambient": []}, # a word
  "user": {"user_idname": {"pattern": "0", "strategy": "id"}, "group_idnames": [{"pattern": "", "strategy": "any"}], "umask": "0022"}}]
external_processes := []
allow_properties_access := true
allow_environment_variable_dropping := true
mount_device := data.framework.mount_device
create_container := data.framework.create_container

reason := {"errors": data.framework.errors}
