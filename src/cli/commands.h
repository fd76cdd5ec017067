/* The verbs, in the order that help shows. Each stands in the file of its name. */
extern const struct command command_images;
extern const struct command command_layer_build;
extern const struct command command_layer_hash;
extern const struct command command_measure_guest;
extern const struct command command_policy_generate;
extern const struct command command_policy_hash;
extern const struct command command_policy_show;
extern const struct command command_pull;
extern const struct command command_rmi;
extern const struct command command_verify;
extern const struct command command_version;
extern const struct command command_manual;
