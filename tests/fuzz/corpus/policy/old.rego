package policy
api_svn := "0.10.0"
framework_svn := "0.1.0"
containers := [{"command":["/pause"],"env_rules":[],"layers":[],"mounts":[],"exec_processes":[],"signals":[],"allow_elevated":false,"working_dir":"/","allow_stdio_access":false}]
mount_device := {"allowed": true}
