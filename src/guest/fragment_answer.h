/* What caisson-fragment-check answers (guest/fragment_check.c); host and guest order are one. */
#ifndef CAISSON_GUEST_FRAGMENT_ANSWER_H
#define CAISSON_GUEST_FRAGMENT_ANSWER_H

#include <stdint.h>

#define FRAGMENT_WITHOUT_SVN UINT64_MAX

struct fragment_answer {
    uint64_t issuer_size;
    uint64_t feed_size;
    uint64_t svn;
};

#endif
