/* A policy of two containers that the tests here stand on, and pieces to spoil it with. */
#ifndef CAISSON_TESTS_POLICY_SAMPLE_H
#define CAISSON_TESTS_POLICY_SAMPLE_H

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HASH_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

#define SAMPLE_HEAD                                                                                \
    "package policy\n\nimport future.keywords.every\nimport future.keywords.in\n\n"                \
    "api_version := \"0.10.0\"\nframework_version := \"0.2.3\"\n\n"

#define SAMPLE_USER(user, strategy)                                                                \
    "\"user\":{\"user_idname\":{\"pattern\":\"" user "\",\"strategy\":\"" strategy                 \
    "\"},\"group_idnames\":[{\"pattern\":\"\",\"strategy\":\"any\"}],\"umask\":\"0022\"}"

#define SAMPLE_CAPS                                                                                \
    "\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\"],"   \
    "\"inheritable\":[],\"permitted\":[\"CAP_CHOWN\"],\"ambient\":[]}"

#define SAMPLE_WEB                                                                                 \
    "{\"name\":\"web\",\"command\":[\"/bin/web\",\"-p\",\"80\"],\"env_rules\":["                   \
    "{\"pattern\":\"MODE=prod\",\"strategy\":\"string\",\"required\":true},"                       \
    "{\"pattern\":\"PORT=[0-9]+\",\"strategy\":\"re2\",\"required\":false},"                       \
    "{\"pattern\":\"A=1|B=2\",\"strategy\":\"re2\",\"required\":false}],"                          \
    "\"layers\":[\"" HASH_A "\",\"" HASH_B "\"],"                                                  \
    "\"mounts\":[{\"destination\":\"/data\",\"options\":[\"rbind\",\"rshared\",\"rw\"],"           \
    "\"source\":\"sandbox:///tmp/atlas/emptydir/.+\",\"type\":\"bind\"}],"                         \
    "\"exec_processes\":[{\"command\":[\"/bin/check\"],\"signals\":[9]}],\"signals\":[10],"        \
    "\"allow_elevated\":false,\"allow_stdio_access\":true,\"no_new_privileges\":true,"             \
    "\"working_dir\":\"/srv\",\"seccomp_profile_sha256\":\"\"," SAMPLE_CAPS                        \
    "," SAMPLE_USER("web", "name") "}"

#define SAMPLE_JOB                                                                                 \
    "{\"name\":\"job\",\"command\":[\"/bin/job\"],\"env_rules\":[],\"layers\":[\"" HASH_A          \
    "\"],\"mounts\":[],\"exec_processes\":[],\"signals\":[],\"allow_elevated\":true,"              \
    "\"allow_stdio_access\":false,\"no_new_privileges\":false,\"working_dir\":\"/\","              \
    "\"seccomp_profile_sha256\":\"\",\"capabilities\":null," SAMPLE_USER("", "any") "}"

#define SAMPLE_FLAGS                                                                               \
    "allow_properties_access := true\nallow_dump_stacks := false\n"                                \
    "allow_runtime_logging := false\nallow_environment_variable_dropping := true\n"                \
    "allow_unencrypted_scratch := false\nallow_capability_dropping := true\n"

#define SAMPLE_POINT(name) name " := data.framework." name "\n"

#define SAMPLE_POINTS                                                                              \
    SAMPLE_POINT("mount_device")                                                                   \
    SAMPLE_POINT("unmount_device")                                                                 \
    SAMPLE_POINT("mount_overlay")                                                                  \
    SAMPLE_POINT("unmount_overlay")                                                                \
    SAMPLE_POINT("create_container")                                                               \
    SAMPLE_POINT("exec_in_container")                                                              \
    SAMPLE_POINT("exec_external")                                                                  \
    SAMPLE_POINT("shutdown_container")                                                             \
    SAMPLE_POINT("signal_container_process")                                                       \
    SAMPLE_POINT("get_properties")                                                                 \
    SAMPLE_POINT("dump_stacks")                                                                    \
    SAMPLE_POINT("load_fragment") SAMPLE_POINT("scratch_mount") SAMPLE_POINT("scratch_unmount")

#define SAMPLE_TAIL SAMPLE_FLAGS SAMPLE_POINTS "\nreason := {\"errors\": data.framework.errors}"

#define SAMPLE                                                                                     \
    SAMPLE_HEAD "fragments := []\n\ncontainers := [" SAMPLE_WEB "," SAMPLE_JOB "]\n\n" SAMPLE_TAIL

#endif
