/* JSON that may hold secrets: what jansson frees is wiped. */
#ifndef CAISSON_SERVICE_JSON_WIPE_H
#define CAISSON_SERVICE_JSON_WIPE_H

/* From now on, in all of the process; to be called before its first JSON. */
void json_wipe_what_is_freed(void);

#endif
