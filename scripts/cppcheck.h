/* What cppcheck is to take jansson's loops for, which it does not find: scripts/lint-tidy includes
 * this in each file. */
#define json_array_foreach(a, i, v)  for ((i) = 0; ((v) = json_array_get((a), (i))); (i)++)
#define json_object_foreach(o, k, v) for ((k) = ""; ((v) = json_object_get((o), (k)));)
