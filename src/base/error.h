/*
 * The one error system. A function that can fail returns an int, 0 for success and -1 for failure,
 * and takes `struct error *err` as its last parameter. The struct is the caller's, holds its text
 * inside and allocates nothing. `err` may be NULL where the caller needs only the fact.
 *
 * A message says what was wrong, with which value, and what to do. Each layer may add its context
 * once with error_context(); only the top logs. Whatever values went into it, the text is one line
 * of well-formed UTF-8, cut where it is too long.
 */
#ifndef CAISSON_BASE_ERROR_H
#define CAISSON_BASE_ERROR_H

#define ERROR_TEXT_SIZE 1024

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID,     /* the input is malformed or not of a kind that is accepted */
    ERROR_LIMIT,       /* the input is larger, deeper or longer than the stated limit */
    ERROR_REFUSED,     /* well formed, and refused by a rule: a policy, a digest, a signature */
    ERROR_USAGE,       /* the caller's words are off */
    ERROR_NOT_FOUND,   /* no such object */
    ERROR_SYSTEM,      /* the system said no; `sys` holds errno */
    ERROR_MEMORY,      /* no memory left */
    ERROR_PROTOCOL,    /* the peer broke the protocol */
    ERROR_UNAVAILABLE, /* this machine, build or service lacks what is needed */
};

struct error {
    enum error_code code;
    int sys; /* errno, with ERROR_SYSTEM */
    char text[ERROR_TEXT_SIZE];
};

/* Sets the error. Always returns -1, so that `return error_set(…)` reads as what it does. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets ERROR_SYSTEM with errno value `sys`; ": <description of sys>" is appended. Returns -1. */
int error_system(struct error *err, int sys, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the text that is there. The code stays. Returns -1. */
int error_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets ERROR_MEMORY. Returns -1. */
int error_memory(struct error *err);

/* An analyser that reads one file does not know that these always return -1. */
#ifdef __clang_analyzer__
#define error_set(...)     ((void)(error_set)(__VA_ARGS__), -1)
#define error_system(...)  ((void)(error_system)(__VA_ARGS__), -1)
#define error_context(...) ((void)(error_context)(__VA_ARGS__), -1)
#define error_memory(err)  ((void)(error_memory)(err), -1)
#endif

#endif
