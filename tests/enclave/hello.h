/* The parts of the program hello.c. Each answers 0, or says by its exit code what was not so. */
#ifndef CAISSON_TESTS_HELLO_H
#define CAISSON_TESTS_HELLO_H

int hello_files(void);

#endif
